package io.github.maskalign.sit.lab.internal;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.maskalign.core.analysis.Measured;
import java.util.Arrays;
import java.util.Collection;

/** Numbers as JSON, which knows neither NaN nor infinity: null stands for them. */
final class AnalysisJson {
    private AnalysisJson() {}

    static JsonElement of(double value) {
        return Double.isFinite(value) ? new JsonPrimitive(value) : JsonNull.INSTANCE;
    }

    static JsonObject of(Measured measured) {
        JsonObject out = new JsonObject();
        out.add("value", of(measured.value()));
        out.add("error", of(measured.error()));
        out.add("low", of(measured.low()));
        out.add("high", of(measured.high()));
        measured.chance().ifPresent(chance -> {
            JsonObject by = new JsonObject();
            by.add("mean", of(chance.mean()));
            by.add("deviation", of(chance.deviation()));
            by.add("low", of(chance.low()));
            by.add("high", of(chance.high()));
            by.add("p", of(chance.pValue()));
            out.add("chance", by);
        });
        return out;
    }

    static JsonArray of(double[] values) {
        JsonArray out = new JsonArray(values.length);
        Arrays.stream(values).mapToObj(AnalysisJson::of).forEach(out::add);
        return out;
    }

    static JsonArray of(int[] values) {
        JsonArray out = new JsonArray(values.length);
        Arrays.stream(values).forEach(out::add);
        return out;
    }

    static JsonArray texts(Collection<String> texts) {
        JsonArray out = new JsonArray(texts.size());
        texts.forEach(out::add);
        return out;
    }
}
