package io.github.maskalign.core.nn;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.script.internal.InPlace;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads and overwrites the arrays of an initialised block by state-dict key. */
public final class Weights {
    private Weights() {}

    /** Returns the block's own arrays by key. */
    public static Map<String, NDArray> of(Block block) {
        Map<String, NDArray> out = new LinkedHashMap<>();
        ParameterKeys.of(block).forEach((key, parameter) -> out.put(key, parameter.getArray()));
        return out;
    }

    /** Returns the arrays of all parameters that are trained, in key order. */
    public static NDList trainable(Block block) {
        NDList out = new NDList();
        for (Parameter parameter : ParameterKeys.of(block).values()) {
            if (parameter.requiresGradient()) {
                out.add(parameter.getArray());
            }
        }
        return out;
    }

    /**
     * Overwrites all parameters of a block in place.
     *
     * @throws IllegalArgumentException if a key is missing or unknown or a shape differs; all mismatches are named and
     *     nothing is changed
     */
    public static void copyInto(Block block, Map<String, NDArray> values) {
        Map<String, NDArray> own = of(block);
        List<String> problems = new ArrayList<>();
        own.forEach((key, array) -> {
            NDArray value = values.get(key);
            if (value == null) {
                problems.add(key + " is missing");
            } else if (!value.getShape().equals(array.getShape())) {
                problems.add(key + " must have shape " + array.getShape() + " but has " + value.getShape());
            }
        });
        values.keySet().stream().filter(key -> !own.containsKey(key)).forEach(key -> problems.add(key + " is unknown"));
        if (!problems.isEmpty()) {
            throw new IllegalArgumentException("the weights do not fit the block: " + String.join("; ", problems));
        }
        NDList from = new NDList();
        NDList to = new NDList();
        own.forEach((key, array) -> {
            to.add(array);
            from.add(values.get(key));
        });
        if (!to.isEmpty()) {
            InPlace.copy(from, to);
        }
    }
}
