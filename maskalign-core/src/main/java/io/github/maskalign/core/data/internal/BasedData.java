package io.github.maskalign.core.data.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.FeatureBasis;
import io.github.maskalign.core.data.internal.SampleBuffer.BufferedData;
import io.github.maskalign.core.script.internal.PackedArrays;
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
    public Shape addTo(PackedArrays.Builder block, long first, int count) {
        return samples.addTo(block, first, count);
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
