package io.github.maskalign.encoders.inception;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

/** The weights of {@code scripts/golden/hashed_weights.py}, made from the same formula. */
final class HashedWeights {
    private HashedWeights() {}

    static StateDict stateDict() {
        Map<String, Shape> shapes = new TreeMap<>(InceptionLayout.fileShapes()); // numbered in the order of the names
        shapes.put("fc.bias", new Shape(InceptionLayout.CLASSES));
        Map<String, TensorSource> tensors = new LinkedHashMap<>();
        int number = 0;
        for (Map.Entry<String, Shape> entry : shapes.entrySet()) {
            tensors.put(
                    entry.getKey(),
                    TensorSource.of(entry.getValue(), values(number++, entry.getKey(), entry.getValue())));
        }
        return StateDict.ofTensors(tensors);
    }

    private static float[] values(int tensor, String name, Shape shape) {
        float scale = 0.1f;
        float base = 0;
        if (name.endsWith("conv.weight")) {
            scale = (float) Math.sqrt(6.0 / (shape.size() / shape.get(0)));
        } else if (name.endsWith("bn.weight")) {
            scale = 0.25f;
            base = 1;
        } else if (name.endsWith("bn.running_var")) {
            scale = 0.5f;
            base = 1;
        } else if (name.endsWith("bn.bias") || name.endsWith("bn.running_mean")) {
            scale = 0.25f;
        }
        float[] values = new float[Math.toIntExact(shape.size())];
        for (int i = 0; i < values.length; i++) {
            values[i] = hashed(tensor, i) * scale + base;
        }
        return values;
    }

    /** A number of [-1, 1), a multiple of 2⁻²³. */
    private static float hashed(int tensor, int element) {
        int h = element * (int) 2654435761L + tensor * 40503 + 12345;
        h ^= h >>> 15;
        h *= (int) 2246822519L;
        h ^= h >>> 13;
        h *= (int) 3266489917L;
        h ^= h >>> 16;
        return (h >>> 8) * 0x1p-23f - 1;
    }
}
