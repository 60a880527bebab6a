package io.github.maskalign.sit.weights.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The statistics by which REPA-E's model normalises latents. */
public final class LatentStatistics {
    private static final double NORM_EPS = 1e-4;

    private LatentStatistics() {}

    /** Returns mean and standard deviation per channel as JSON lists, by the keys of metadata. */
    public static Map<String, String> of(String origin, StateDict tensors) throws IOException {
        Map<String, TensorSource> all = tensors.tensors();
        TensorSource mean = all.get(Keys.NORM_MEAN);
        TensorSource variance = all.get(Keys.NORM_VARIANCE);
        if (mean == null || variance == null) {
            throw new CheckpointFormatException(
                    origin, List.of("must have both " + Keys.NORM_MEAN + " and " + Keys.NORM_VARIANCE));
        }
        if (mean.shape().dimension() != 1
                || !mean.shape().equals(variance.shape())
                || mean.shape().size() > 4096) {
            throw new CheckpointFormatException(
                    origin,
                    List.of(Keys.NORM_MEAN + " and " + Keys.NORM_VARIANCE + " must have shape (C) but have "
                            + mean.shape() + " and " + variance.shape()));
        }
        List<String> means = new ArrayList<>();
        List<String> deviations = new ArrayList<>();
        for (float value : mean.floats()) {
            means.add(Float.toString(value));
        }
        for (float value : variance.floats()) {
            deviations.add(Double.toString(Math.sqrt(value + NORM_EPS)));
        }
        return Map.of(ModelMetadata.LATENT_MEAN, means.toString(), ModelMetadata.LATENT_STD, deviations.toString());
    }
}
