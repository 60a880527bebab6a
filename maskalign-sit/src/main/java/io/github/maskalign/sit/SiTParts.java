package io.github.maskalign.sit;

import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.nn.internal.Initializers;
import io.github.maskalign.core.script.ScriptFunction;

/** What a {@link SiT} has before its first block and behind its last one. */
final class SiTParts {
    private SiTParts() {}

    /** Cuts (N, C, H, W) into patches, row-major, and adds the position table: (N, T, D). */
    static final class PatchEmbed extends ScriptedBlock {
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

    /** t (N) in [0, 1] through 256 sine-cosine features and a two-layer MLP: (N, D). */
    static final class TimestepEmbedder extends ScriptedBlock {
        private static final int FEATURES = 256;

        private final int width;

        TimestepEmbedder(int width, Precision precision) {
            super(ScriptFunction.of(TimestepEmbedder.class, "sit.py", "timestep_embedder")
                    .bind("bf16", precision == Precision.BFLOAT16));
            this.width = width;
            normalLinear("mlp.0", FEATURES);
            normalLinear("mlp.2", width);
        }

        private void normalLinear(String name, int in) {
            parameter(name + ".weight", new Shape(width, in), Initializers.NORMAL_002);
            parameter(name + ".bias", new Shape(width), Initializer.ZEROS);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return new Shape[] {new Shape(inputShapes[0].get(0), width)};
        }
    }

    /** Adds the row of label y (N) to the time embedding (N, D): the condition c (N, D). */
    static final class LabelEmbedder extends ScriptedBlock {
        LabelEmbedder(int rows, int width) {
            super(ScriptFunction.of(LabelEmbedder.class, "sit.py", "condition"));
            parameter("embedding_table.weight", new Shape(rows, width), Initializers.NORMAL_002);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return new Shape[] {inputShapes[1]};
        }
    }

    /**
     * Puts the noised class token (N, Z) in front of the patches (N, T, D): LayerNorm(Linear(cls)), REG section 3. Its
     * parameters stand at the top of the official state dict, so this child has no name of its own.
     */
    static final class ClassTokenEmbedder extends ScriptedBlock {
        ClassTokenEmbedder(SiTConfig config, Precision precision) {
            super(ScriptFunction.of(ClassTokenEmbedder.class, "sit.py", "prepend_class_token")
                    .bind("bf16", precision == Precision.BFLOAT16));
            int width = config.model().hiddenSize();
            linear("cls_projectors2", config.classTokenWidth(), width);
            norm("wg_norm", width);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            Shape tokens = inputShapes[0];
            return new Shape[] {new Shape(tokens.get(0), tokens.get(1) + 1, tokens.get(2))};
        }
    }

    /** Modulated norm and linear heads: patches (N, T, p²·C_out) and, with a class token, its velocity (N, Z). */
    static final class FinalLayer extends ScriptedBlock {
        private final long rows;
        private final int classTokenWidth;

        FinalLayer(SiTConfig config, Precision precision) {
            super(ScriptFunction.of(FinalLayer.class, "sit.py", "final_layer")
                    .bind("bf16", precision == Precision.BFLOAT16));
            int width = config.model().hiddenSize();
            rows = (long) config.model().patchSize() * config.model().patchSize() * config.outChannels();
            classTokenWidth = config.classTokenWidth();
            int head = config.headWidth();
            zeroLinear("linear", head, rows);
            if (classTokenWidth > 0) {
                zeroLinear("linear_cls", head, classTokenWidth);
            }
            zeroLinear("adaLN_modulation.1", width, 2L * head);
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
}
