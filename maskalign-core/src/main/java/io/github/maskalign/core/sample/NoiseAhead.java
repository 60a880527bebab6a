package io.github.maskalign.core.sample;

import ai.djl.Device;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.engine.internal.Ahead;
import io.github.maskalign.core.engine.internal.Worker;
import io.github.maskalign.core.sample.SampleRequest.DrawnNoise;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.core.script.internal.PackedArrays;
import java.util.Optional;

/** The noise of a request, that of the next step drawn and packed while the network computes the one before. */
final class NoiseAhead implements NoiseSource, AutoCloseable {
    private final DrawnNoise noise;
    private final Worker worker = new Worker("maskalign-path-noise", ScriptFunction::releaseThread);
    private final Ahead<Integer, PackedArrays> steps;

    /**
     * Prepares to draw.
     *
     * @param request what {@link #path} will be asked for
     * @param last the last step that has noise
     * @param device where the noise is needed
     */
    NoiseAhead(DrawnNoise noise, SampleRequest request, int last, Device device) {
        this.noise = noise;
        steps = new Ahead<>(
                worker,
                1,
                new Ahead.Source<>(
                        step -> step < last ? Optional.of(step + 1) : Optional.empty(),
                        step -> noise.pack(request, step, device),
                        PackedArrays::close));
    }

    @Override
    public NDList initial(NDManager manager, SampleRequest request) {
        return noise.initial(manager, request);
    }

    @Override
    public NDList path(NDManager manager, SampleRequest request, int step) {
        try (PackedArrays packed = steps.get(step)) {
            return new NDList(packed.unpack(manager).values());
        }
    }

    @Override
    public long[] subset(SampleRequest request, int call, int tokens, int kept) {
        return noise.subset(request, call, tokens, kept);
    }

    @Override
    public void close() {
        steps.forget();
        worker.close();
    }
}
