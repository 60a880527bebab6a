package io.github.maskalign.core.nn;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What every block promises: the shapes that {@code getOutputShapes} announces are those of a forward pass; results and
 * parameters are float32; results belong to the manager of the first input; a forward pass changes neither inputs nor
 * parameters, and gives equal bits when repeated.
 */
public final class BlockContract {
    private BlockContract() {}

    /** Checks a block with random normal inputs of these shapes. */
    public static void verify(Block block, Shape... shapes) {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDList inputs = new NDList();
            for (Shape shape : shapes) {
                inputs.add(manager.randomNormal(shape));
            }
            verify(block, inputs);
        }
    }

    /** Checks a block with these inputs; a block without arrays is initialised for their shapes. */
    public static void verify(Block block, NDList inputs) {
        NDManager manager = inputs.head().getManager();
        Shape[] shapes = inputs.stream().map(NDArray::getShape).toArray(Shape[]::new);
        if (!block.isInitialized()) {
            block.initialize(manager, DataType.FLOAT32, shapes);
        }
        Map<String, byte[]> before = bytes(block, inputs);
        ParameterStore store = new ParameterStore(manager, false);

        NDList outputs = block.forward(store, inputs, false);
        NDList again = block.forward(store, inputs, false);

        Shape[] found = outputs.stream().map(NDArray::getShape).toArray(Shape[]::new);
        Shape[] announced = block.getOutputShapes(shapes);
        require(
                Arrays.equals(found, announced),
                "getOutputShapes gives " + Arrays.toString(announced) + " but forward gives " + Arrays.toString(found));
        for (int i = 0; i < outputs.size(); i++) {
            NDArray output = outputs.get(i);
            require(output.getDataType() == DataType.FLOAT32, "output " + i + " is " + output.getDataType());
            require(output.getManager() == manager, "output " + i + " belongs to another manager than the input");
            require(
                    Arrays.equals(output.toByteArray(), again.get(i).toByteArray()),
                    "output " + i + " changed when the forward pass was repeated");
        }
        Weights.of(block)
                .forEach((key, array) ->
                        require(array.getDataType() == DataType.FLOAT32, key + " is " + array.getDataType()));
        bytes(block, inputs)
                .forEach((name, after) ->
                        require(Arrays.equals(after, before.get(name)), "a forward pass changed " + name));
    }

    private static Map<String, byte[]> bytes(Block block, NDList inputs) {
        Map<String, byte[]> all = new LinkedHashMap<>();
        Weights.of(block).forEach((key, array) -> all.put(key, array.toByteArray()));
        for (int i = 0; i < inputs.size(); i++) {
            all.put("input " + i, inputs.get(i).toByteArray());
        }
        return all;
    }

    private static void require(boolean holds, String message) {
        if (!holds) {
            throw new AssertionError(message);
        }
    }
}
