package io.github.maskalign.sit.run;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import io.github.maskalign.core.evaluate.Evaluation.Estimate;
import io.github.maskalign.core.evaluate.Evaluation.EvaluationResult;
import io.github.maskalign.core.evaluate.Evaluation.MetricValue;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * A result as people and programs read it.
 *
 * @param result the numbers
 * @param samples facts about the samples, such as where they are
 * @param reference facts about the reference
 * @param settings what was chosen
 * @param provenance versions and machine
 */
public record EvaluationReport(
        EvaluationResult result,
        Map<String, String> samples,
        Map<String, String> reference,
        Map<String, String> settings,
        Map<String, String> provenance) {

    /** Returns the numbers and what they were computed from, one line for each. */
    public String text() {
        StringBuilder text = new StringBuilder();
        for (MetricValue value : result.values()) {
            Estimate estimate = value.estimate();
            text.append(String.format(
                    Locale.ROOT,
                    "%-24s %-36s %12s%s%n",
                    value.metric().id(result.space()),
                    value.title(),
                    number(estimate.value()),
                    estimate.error().isPresent()
                            ? " ± " + number(estimate.error().getAsDouble()) + "  " + estimate.errorIs()
                            : ""));
        }
        text.append(String.format(
                Locale.ROOT,
                "%,d samples of %s, features of %s%n",
                result.samples(),
                samples.get("path"),
                result.space().name()));
        if (!reference.isEmpty()) {
            text.append("against ").append(reference.get("path")).append(System.lineSeparator());
        }
        for (String warning : result.warnings()) {
            text.append("warning: ").append(warning).append(System.lineSeparator());
        }
        return text.toString().stripTrailing();
    }

    /** Returns everything as JSON. */
    public JsonObject json() {
        JsonObject metrics = new JsonObject();
        for (MetricValue value : result.values()) {
            JsonObject one = new JsonObject();
            one.addProperty("title", value.title());
            one.addProperty("value", value.estimate().value());
            OptionalDouble error = value.estimate().error();
            if (error.isPresent()) {
                one.addProperty("error", error.getAsDouble());
            } else {
                one.add("error", JsonNull.INSTANCE);
            }
            one.addProperty("error_is", value.estimate().errorIs());
            metrics.add(value.metric().id(result.space()), one);
        }
        JsonObject features = new JsonObject();
        features.addProperty("name", result.space().name());
        features.addProperty("identity", result.space().identity());
        features.addProperty("is_inception", result.space().inception());
        JsonArray warnings = new JsonArray();
        result.warnings().forEach(warnings::add);
        JsonObject all = new JsonObject();
        all.add("metrics", metrics);
        all.add("samples", object(samples));
        all.add("reference", object(reference));
        all.add("features", features);
        all.add("settings", object(settings));
        all.add("warnings", warnings);
        all.add("provenance", object(provenance));
        return all;
    }

    /** Returns the text of a result file. */
    public String file() {
        return new GsonBuilder()
                        .setPrettyPrinting()
                        .disableHtmlEscaping()
                        .serializeNulls()
                        .create()
                        .toJson(json())
                + "\n";
    }

    private static JsonObject object(Map<String, String> facts) {
        JsonObject object = new JsonObject();
        facts.forEach(object::addProperty);
        return object;
    }

    /** Five digits behind the point, or exponents for what would vanish there. */
    private static String number(double value) {
        double size = Math.abs(value);
        return String.format(Locale.ROOT, size == 0 || size >= 1e-3 ? "%.5f" : "%.4e", value);
    }
}
