package io.github.maskalign.sit.lab.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.maskalign.core.analysis.Measured;
import io.github.maskalign.core.analysis.Measured.Resampling;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTOutput;
import io.github.maskalign.sit.lab.internal.AnalysedWeights.Loaded;
import io.github.maskalign.sit.weights.internal.Keys;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.DoubleStream;

/**
 * Whether alignment and denoising pull the weights the same way: the cosine of their gradients in each group of layers that
 * both reach, over groups of {@value #PICTURES} pictures with all tokens. Blocks behind the tap have no gradient of the alignment.
 */
final class GradientConflict {
    /** Pictures of one gradient; fixed, for the cosine depends on it. */
    static final int PICTURES = 8;

    private static final ScriptFunction PRODUCTS = ScriptFunction.of(GradientConflict.class, "analysis.py", "products");
    private static final String FRONT = "embedders and mixer";

    private final Loaded loaded;
    private final AnalysisPictures pictures;
    private final ModelPass pass;
    private final Resampling resampling;

    GradientConflict(Loaded loaded, AnalysisPictures pictures, ModelPass pass, Resampling resampling) {
        this.loaded = loaded;
        this.pictures = pictures;
        this.pass = pass;
        this.resampling = resampling;
    }

    /** One object for each group: its name and the cosine; without one where a gradient is zero. */
    JsonArray at(double t) {
        Map<String, NDList> groups = groups();
        Map<String, double[]> cosines = new LinkedHashMap<>();
        int chunks = pictures.size() / PICTURES;
        groups.keySet().forEach(name -> cosines.put(name, new double[chunks]));
        NDList all = new NDList();
        groups.values().forEach(all::addAll);
        for (int chunk = 0; chunk < chunks; chunk++) {
            double[] products = products(t, chunk * PICTURES, all);
            int row = 0;
            for (Map.Entry<String, NDList> group : groups.entrySet()) {
                double both = 0;
                double first = 0;
                double second = 0;
                for (int i = 0; i < group.getValue().size(); i++, row++) {
                    both += products[3 * row];
                    first += products[3 * row + 1];
                    second += products[3 * row + 2];
                }
                double[] found = cosines.get(group.getKey());
                if (found != null) {
                    found[chunk] = first > 0 && second > 0 ? both / Math.sqrt(first * second) : Double.NaN;
                }
            }
        }
        JsonArray out = new JsonArray();
        cosines.forEach((name, values) -> {
            JsonObject one = new JsonObject();
            one.addProperty("layers", name);
            if (DoubleStream.of(values).allMatch(Double::isFinite)) {
                one.add("cosine", AnalysisJson.of(Measured.mean(values, resampling)));
            }
            out.add(one);
        });
        return out;
    }

    private double[] products(double t, int first, NDList parameters) {
        NDManager owner = pictures.batches().get(0).latents().getManager();
        try (NDManager scratch = owner.newSubManager();
                GradMode recording = GradMode.on()) {
            SiTLossInput in = pass.input(pictures.slice(first, PICTURES, scratch), t, null, false, scratch);
            SiTOutput seen = pass.forward(in, Set.of());
            NDArray alignment = pass.alignment(seen, in);
            NDArray denoising = pass.denoised(seen, in).total().mean();
            return PRODUCTS.callOn(scratch, alignment, denoising, parameters)
                    .singletonOrThrow()
                    .toDoubleArray();
        }
    }

    private Map<String, NDList> groups() {
        Map<String, NDList> groups = new LinkedHashMap<>();
        int tap = pass.tap();
        List<String> order = new ArrayList<>(List.of(FRONT));
        for (int i = 1; i <= tap; i++) {
            order.add("block " + i);
        }
        order.forEach(name -> groups.put(name, new NDList()));
        for (Map.Entry<String, Parameter> entry :
                ParameterKeys.of(loaded.model()).entrySet()) {
            String key = entry.getKey();
            if (!entry.getValue().requiresGradient()) {
                continue;
            }
            String name = FRONT;
            if (key.startsWith("blocks.")) {
                name = "block " + (Integer.parseInt(key.split("\\.")[1]) + 1);
            } else if (key.startsWith(Keys.PROJECTORS) || key.startsWith("final_layer")) {
                continue; // one of the two losses alone reaches them
            }
            NDList group = groups.get(name);
            if (group != null) {
                group.add(entry.getValue().getArray());
            }
        }
        return groups;
    }
}
