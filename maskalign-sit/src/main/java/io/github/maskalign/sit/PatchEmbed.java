package io.github.maskalign.sit;

import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;
import io.github.maskalign.core.nn.Initializers;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;

/** Cuts (N, C, H, W) into patches, row-major, and adds the position table: (N, T, D). */
final class PatchEmbed extends ScriptedBlock {
    private final int width;
    private final int patch;

    PatchEmbed(SiTConfig config, Precision precision) {
        super(ScriptFunction.of(PatchEmbed.class, "sit.py", "patch_embed")
                .bind("patch", config.model().patchSize())
                .bind("bf16", precision == Precision.BFLOAT16));
        width = config.model().hiddenSize();
        patch = config.model().patchSize();
        parameter(
                "proj.weight",
                new Shape(width, config.model().inChannels(), patch, patch),
                Initializers.XAVIER_UNIFORM);
        parameter("proj.bias", new Shape(width), Initializer.ZEROS);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape x = inputShapes[0];
        return new Shape[] {new Shape(x.get(0), x.get(2) / patch * (x.get(3) / patch), width)};
    }
}
