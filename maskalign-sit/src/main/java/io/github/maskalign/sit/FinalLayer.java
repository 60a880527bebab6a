package io.github.maskalign.sit;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;
import org.jspecify.annotations.Nullable;

/** Modulated norm and linear heads: patches (N, T, p²·C_out) and, with a class token, its velocity (N, Z). */
final class FinalLayer extends ScriptedBlock {
    private final long rows;
    private final int classTokenWidth;
    private final ScriptFunction function;

    FinalLayer(SiTConfig config, Precision precision) {
        int width = config.hiddenSize();
        rows = (long) config.patchSize() * config.patchSize() * config.outChannels();
        classTokenWidth = config.classTokenWidth();
        zeroLinear("linear", width, rows);
        if (classTokenWidth > 0) {
            zeroLinear("linear_cls", width, classTokenWidth);
        }
        zeroLinear("adaLN_modulation.1", width, 2L * width);
        function = ScriptFunction.of(
                        FinalLayer.class, "final_layer.py", classTokenWidth > 0 ? "joint_final_layer" : "final_layer")
                .bind("bf16", precision == Precision.BFLOAT16);
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        return function.call(arguments(store, training, inputs.get(0), inputs.get(1)));
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        long n = inputShapes[0].get(0);
        long tokens = inputShapes[0].get(1);
        return classTokenWidth > 0
                ? new Shape[] {new Shape(n, tokens - 1, rows), new Shape(n, classTokenWidth)}
                : new Shape[] {new Shape(n, tokens, rows)};
    }
}
