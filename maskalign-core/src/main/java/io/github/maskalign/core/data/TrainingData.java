package io.github.maskalign.core.data;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.data.LatentData.TokenChoice;
import io.github.maskalign.core.data.internal.EpochOrder;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Samples a run trains on, addressed by position in the run's stream (see {@link EpochOrder}). */
public interface TrainingData {
    /** Returns the number of different samples. */
    long size();

    /** Returns the width Z of the encoder tokens that come with the samples; 0 if none do. */
    default int tokenWidth() {
        return 0;
    }

    /**
     * Returns what makes few channels of encoder tokens, for models that generate features beside the latents
     * ({@code terms.features}); empty if the data do not have it.
     */
    default Optional<FeatureBasis> featureBasis() {
        return Optional.empty();
    }

    /** Returns a number that all labels are below; 0 if it is not known. */
    default int classes() {
        return 0;
    }

    /**
     * Returns the samples at positions {@code [first, first + count)}.
     *
     * @param manager owner of the arrays; they own their memory
     */
    TrainingBatch batch(NDManager manager, long first, int count);

    /**
     * Samples of one micro-batch.
     *
     * @param latents clean latents x* in the model's scale (N, C, H, W), float32
     * @param labels classes (N), int64
     * @param images the pictures they come from (N, 3, H', W'), uint8, for the encoder; null if there are none
     * @param tokens what the encoder says about them (N, 1+T, Z), or of the tokens of a {@link TokenChoice} (N, K, Z), float32,
     *     where that is known already; null if it is not
     */
    record TrainingBatch(
            NDArray latents,
            NDArray labels,
            @Nullable NDArray images,
            @Nullable NDArray tokens) {}
}
