package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.nn.TokenRows;
import io.github.maskalign.core.nn.internal.Initializers;
import io.github.maskalign.core.script.ScriptFunction;
import org.jspecify.annotations.Nullable;

/**
 * Where the sparse and the dense tokens of {@code SPARSE} meet (SPRINT, arXiv 2510.21986): Linear([G; F]), 2D → D, under the
 * official key {@code renoise_linear}. See {@link
 * io.github.maskalign.core.align.SubsetConfig.SubsetPlacement#SPARSE}.
 */
final class SparsePath extends ScriptedBlock {
    private final TokenRows rows;
    private final long tokens;
    private final ScriptFunction apart = ScriptFunction.of(SparsePath.class, "sit.py", "apart");
    private final ScriptFunction firstSamples = ScriptFunction.of(SparsePath.class, "sit.py", "first_samples");
    private final ScriptFunction dropPath = ScriptFunction.of(SparsePath.class, "sit.py", "drop_path");
    private final ScriptFunction withoutPath = ScriptFunction.of(SparsePath.class, "sit.py", "without_path");

    SparsePath(SiTConfig config, Precision precision) {
        super(ScriptFunction.of(SparsePath.class, "sit.py", "fuse").bind("bf16", precision == Precision.BFLOAT16));
        int width = config.model().hiddenSize();
        rows = new TokenRows(config.hasClassToken());
        tokens = config.tokens() + (config.hasClassToken() ? 1L : 0L);
        parameter("weight", new Shape(width, 2L * width), Initializers.XAVIER_UNIFORM);
        parameter("bias", new Shape(width), Initializer.ZEROS);
    }

    /** Returns what the sparse blocks begin with, of dense tokens or of a condition: that of the first samples. */
    NDArray enter(NDArray dense, long samples) {
        return samples == dense.getShape().get(0)
                ? apart.callForOne(dense) // without a number, which an exported model would keep
                : firstSamples.callForOne(dense, samples);
    }

    /**
     * Joins the two.
     *
     * @param store where the parameters' arrays come from
     * @param training passed on to the store
     * @param sparse G (M, [1+]K, D) of the first M samples, which went through the sparse blocks
     * @param dense F (N, [1+]T, D)
     * @param keep places of G (N, K); null if it has all
     * @param dropped samples without a path (N), 0 or 1; null for none but those behind the first M
     * @param fill the learned token (1, 1, D)
     * @return (N, [1+]T, D)
     */
    NDArray join(
            ParameterStore store,
            boolean training,
            NDArray sparse,
            NDArray dense,
            @Nullable NDArray keep,
            @Nullable NDArray dropped,
            NDArray fill) {
        NDArray x = keep == null ? sparse : rows.reinsert(sparse, keep, fill, tokens); // (M, [1+]T, D)
        long samples = dense.getShape().get(0);
        if (x.getShape().get(0) < samples) {
            x = withoutPath.callForOne(x, fill, samples);
        }
        if (dropped != null) {
            x = dropPath.callForOne(x, dropped, fill);
        }
        return forward(store, new NDList(x, dense), training).singletonOrThrow();
    }
}
