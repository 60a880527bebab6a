package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.data.FeatureBasis;
import io.github.maskalign.core.data.internal.SampleBuffer.BufferedData;
import java.util.Optional;

/**
 * Samples with the basis in which a model generates their encoder's tokens.
 *
 * @param samples the samples
 * @param basis the basis
 */
public record BasedData(BufferedData samples, FeatureBasis basis) implements BufferedData {
    @Override
    public SampleBuffer read(long first, int count) {
        return samples.read(first, count);
    }

    @Override
    public long size() {
        return samples.size();
    }

    @Override
    public int tokenWidth() {
        return samples.tokenWidth();
    }

    @Override
    public int classes() {
        return samples.classes();
    }

    @Override
    public Optional<FeatureBasis> featureBasis() {
        return Optional.of(basis);
    }
}
