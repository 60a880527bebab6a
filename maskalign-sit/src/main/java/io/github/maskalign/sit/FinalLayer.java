package io.github.maskalign.sit;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;

/** Modulated norm and linear heads: patches (N, T, p²·C_out) and, with a class token, its velocity (N, Z). */
final class FinalLayer extends ScriptedBlock {
    private final long rows;
    private final int classTokenWidth;

    FinalLayer(SiTConfig config, Precision precision) {
        super(ScriptFunction.of(FinalLayer.class, "sit.py", "final_layer")
                .bind("bf16", precision == Precision.BFLOAT16));
        int width = config.model().hiddenSize();
        rows = (long) config.model().patchSize() * config.model().patchSize() * config.outChannels();
        classTokenWidth = config.classTokenWidth();
        zeroLinear("linear", width, rows);
        if (classTokenWidth > 0) {
            zeroLinear("linear_cls", width, classTokenWidth);
        }
        zeroLinear("adaLN_modulation.1", width, 2L * width);
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
