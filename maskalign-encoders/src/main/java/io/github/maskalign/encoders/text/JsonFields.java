package io.github.maskalign.encoders.text;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.maskalign.core.files.CheckpointFormatException;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Takes values out of a JSON object and notes whatever is not as it has to be, so that all of it is told at once. */
final class JsonFields {
    private final String where;
    private final JsonObject object;
    private final List<String> problems;

    /** @param where what to call the object in messages; empty for the whole file */
    JsonFields(String where, JsonObject object, List<String> problems) {
        this.where = where;
        this.object = object;
        this.problems = problems;
    }

    /** A null counts as missing, as in the libraries that write these files. */
    boolean has(String key) {
        JsonElement found = object.get(key);
        return found != null && !found.isJsonNull();
    }

    JsonElement get(String key) {
        return object.get(key);
    }

    Set<String> keys() {
        return object.keySet();
    }

    void problem(String key, String rule) {
        JsonElement found = object.get(key);
        String text = found == null ? "is missing" : "is " + CheckpointFormatException.quote(found.toString());
        problems.add(path(key) + " must be " + rule + " but " + text);
    }

    String path(String key) {
        return where.isEmpty() ? key : where + "." + key;
    }

    String text(String key, String missing) {
        return has(key) ? text(key) : missing;
    }

    String text(String key) {
        JsonElement found = object.get(key);
        if (isText(found)) {
            return found.getAsString();
        }
        problem(key, "a text");
        return "";
    }

    boolean flag(String key, boolean missing) {
        JsonElement found = object.get(key);
        if (!has(key)) {
            return missing;
        }
        if (found.isJsonPrimitive() && found.getAsJsonPrimitive().isBoolean()) {
            return found.getAsBoolean();
        }
        problem(key, "true or false");
        return missing;
    }

    /** A whole number from {@code low} to {@code high}. */
    int number(String key, int low, int high, int missing) {
        if (!has(key)) {
            return missing;
        }
        Integer value = wholeNumber(object.get(key));
        if (value == null || value < low || value > high) {
            problem(key, "a whole number from " + low + " to " + high);
            return missing;
        }
        return value;
    }

    double positive(String key, double missing) {
        if (!has(key)) {
            return missing;
        }
        JsonElement found = object.get(key);
        double value = isNumber(found) ? found.getAsDouble() : Double.NaN;
        if (value > 0 && value < 1) {
            return value;
        }
        problem(key, "a number above 0 and below 1");
        return missing;
    }

    /** The value must be one of these; {@code null} among them stands for missing or null. */
    void oneOf(String key, @Nullable Object... allowed) {
        JsonElement found = object.get(key);
        for (Object value : allowed) {
            boolean same = value == null
                    ? !has(key)
                    : has(key) && found.isJsonPrimitive() && found.getAsString().equals(value.toString());
            if (same) {
                return;
            }
        }
        StringBuilder rule = new StringBuilder();
        for (Object value : allowed) {
            rule.append(rule.isEmpty() ? "" : " or ")
                    .append(value instanceof String s ? CheckpointFormatException.quote(s) : String.valueOf(value));
        }
        problem(key, rule.toString());
    }

    void onlyKeys(Set<String> known) {
        for (String key : object.keySet()) {
            if (!known.contains(key)) {
                problems.add(CheckpointFormatException.quote(path(key)) + " is not known to this version");
            }
        }
    }

    JsonFields object(String key) {
        JsonElement found = object.get(key);
        if (found != null && found.isJsonObject()) {
            return new JsonFields(path(key), found.getAsJsonObject(), problems);
        }
        problem(key, "an object");
        // what is missing in an object that is missing itself is no further problem
        return new JsonFields(path(key), new JsonObject(), new ArrayList<>());
    }

    /** The objects in a list; {@code count} of them unless it is negative. */
    List<JsonFields> objects(String key, int count) {
        JsonElement found = object.get(key);
        if (found == null
                || !found.isJsonArray()
                || (count >= 0 && found.getAsJsonArray().size() != count)) {
            problem(key, count < 0 ? "a list" : "a list of " + count);
            return List.of();
        }
        JsonArray list = found.getAsJsonArray();
        for (JsonElement element : list) {
            if (!element.isJsonObject()) {
                problem(key, "a list of objects");
                return List.of();
            }
        }
        ArrayList<JsonFields> out = new ArrayList<>();
        for (int i = 0; i < list.size(); i++) {
            out.add(new JsonFields(path(key) + "[" + i + "]", list.get(i).getAsJsonObject(), problems));
        }
        return out;
    }

    static boolean isText(@Nullable JsonElement element) {
        return element != null
                && element.isJsonPrimitive()
                && element.getAsJsonPrimitive().isString();
    }

    private static boolean isNumber(JsonElement element) {
        return element.isJsonPrimitive() && element.getAsJsonPrimitive().isNumber();
    }

    /** Returns an int written in any way, or null. */
    static @Nullable Integer wholeNumber(JsonElement element) {
        if (!isNumber(element) || element.getAsString().length() > 20) {
            return null;
        }
        String text = element.getAsString();
        if (!text.chars().allMatch(c -> c == '-' || (c >= '0' && c <= '9'))) {
            return null;
        }
        BigDecimal value = new BigDecimal(text);
        return value.abs().compareTo(BigDecimal.valueOf(Integer.MAX_VALUE)) > 0 ? null : value.intValue();
    }
}
