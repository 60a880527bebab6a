package io.github.maskalign.core.config;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.maskalign.core.config.ConfigType.Interval;
import java.math.BigDecimal;
import java.util.Collection;
import java.util.Map;

/**
 * Describes a config record as a JSON Schema, so that an editor completes keys and marks mistakes while a config is
 * written.
 *
 * <p>A schema knows the keys, types, limits and defaults. The rules of the records' constructors, which join several
 * keys, are checked by {@link ConfigBinder} alone: what the schema refuses the binder refuses too, not the reverse.
 *
 * <p>Source: JSON Schema, draft 7 (json-schema.org/draft-07), the newest that editors support well.
 */
public final class ConfigSchema {
    private static final String DRAFT = "http://json-schema.org/draft-07/schema#";

    private final Map<String, String> meanings;

    private ConfigSchema(Map<String, String> meanings) {
        this.meanings = meanings;
    }

    /**
     * Returns the schema of a config as indented JSON, ending with a newline.
     *
     * @param type the record that a config is bound to
     * @param meanings what each key means, by its full path such as {@code train.steps}; keys that are not there have
     *     no description
     * @throws IllegalArgumentException if {@code type} is no record that can hold a config; the message names the
     *     component
     */
    public static String json(Class<? extends Record> type, Map<String, String> meanings) {
        JsonObject schema = new JsonObject();
        schema.addProperty("$schema", DRAFT);
        ConfigSchema writer = new ConfigSchema(meanings);
        writer.of(RecordReader.read(type), "").asMap().forEach(schema::add);
        ConfigPresets.of(type)
                .ifPresent(presets -> schema.getAsJsonObject("properties").add(presets.key(), writer.names(presets)));
        return new GsonBuilder()
                        .setPrettyPrinting()
                        .disableHtmlEscaping()
                        .serializeNulls()
                        .create()
                        .toJson(schema)
                + "\n";
    }

    private JsonObject names(ConfigPresets presets) {
        JsonObject key = new JsonObject();
        key.add("enum", texts(presets.names()));
        if (meanings.containsKey(presets.key())) {
            key.addProperty("description", meanings.get(presets.key()));
        }
        return key;
    }

    private JsonObject of(ConfigType type, String path) {
        if (type instanceof RecordType section) {
            return section(section, path);
        }
        JsonObject schema = new JsonObject();
        if (type instanceof ConfigType.OrNull optional) {
            JsonArray either = new JsonArray();
            either.add(of(optional.value(), path));
            either.add(typed("null"));
            schema.add("anyOf", either);
        } else if (type instanceof ConfigType.ListOf list) {
            schema = typed("array");
            schema.add("items", of(list.item(), path));
        } else if (type instanceof ScalarType.Whole whole) {
            schema = typed("integer");
            limit(schema, whole.range());
        } else if (type instanceof ScalarType.Real real) {
            schema = typed("number");
            limit(schema, real.range());
        } else if (type instanceof ScalarType.Bool) {
            schema = typed("boolean");
        } else if (type instanceof ScalarType.Choice choice) {
            schema.add("enum", texts(choice.constants().keySet()));
        } else if (type instanceof ScalarType.Text text && !text.allowed().isEmpty()) {
            schema.add("enum", texts(text.allowed()));
        } else {
            schema = typed("string");
        }
        return schema;
    }

    private JsonObject section(RecordType section, String path) {
        JsonObject properties = new JsonObject();
        JsonArray required = new JsonArray();
        for (RecordType.Component component : section.components()) {
            String keyPath = Problems.join(path, component.name());
            JsonObject key = of(component.type(), keyPath);
            if (meanings.containsKey(keyPath)) {
                key.addProperty("description", meanings.get(keyPath));
            }
            component
                    .missing()
                    .ifPresentOrElse(node -> key.add("default", json(node)), () -> required.add(component.name()));
            properties.add(component.name(), key);
        }
        JsonObject schema = typed("object");
        schema.add("properties", properties);
        schema.add("required", required);
        schema.addProperty("additionalProperties", false);
        return schema;
    }

    private static JsonObject typed(String type) {
        JsonObject schema = new JsonObject();
        schema.addProperty("type", type);
        return schema;
    }

    private static void limit(JsonObject schema, Interval range) {
        if (Double.isFinite(range.min())) {
            schema.addProperty(range.minExclusive() ? "exclusiveMinimum" : "minimum", number(range.min()));
        }
        if (Double.isFinite(range.max())) {
            schema.addProperty(range.maxExclusive() ? "exclusiveMaximum" : "maximum", number(range.max()));
        }
    }

    private static JsonArray texts(Collection<String> words) {
        JsonArray texts = new JsonArray();
        words.forEach(texts::add);
        return texts;
    }

    private static JsonElement json(YamlNode node) {
        if (node instanceof YamlNode.Sequence sequence) {
            JsonArray items = new JsonArray();
            sequence.items().forEach(item -> items.add(json(item)));
            return items;
        }
        if (node instanceof YamlNode.Mapping mapping) {
            JsonObject entries = new JsonObject();
            mapping.entries().forEach(entry -> entries.add(entry.key(), json(entry.value())));
            return entries;
        }
        YamlNode.Scalar scalar = (YamlNode.Scalar) node;
        return switch (scalar.kind()) {
            case NULL -> JsonNull.INSTANCE;
            case BOOLEAN -> new JsonPrimitive(Boolean.parseBoolean(scalar.text()));
            case INTEGER, FLOAT -> new JsonPrimitive(new BigDecimal(scalar.text()));
            default -> new JsonPrimitive(scalar.text());
        };
    }

    /** Whole numbers without a point, others with the fewest digits. */
    private static BigDecimal number(double bound) {
        boolean whole = bound == Math.rint(bound);
        return whole ? new BigDecimal(new BigDecimal(bound).toBigInteger()) : BigDecimal.valueOf(bound);
    }
}
