package io.github.maskalign.sit.parity;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.sample.Guidance;
import io.github.maskalign.core.sample.SampleRequest;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.Sampler;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.DiffusionScale;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.core.sample.VelocityField;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTVelocityField;
import io.github.maskalign.sit.weights.WeightsFamily;
import io.github.maskalign.sit.weights.internal.TimeConvention.ReversedTimeField;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/** The end of a sampler's way from given noise, with the noise of each step given too. */
final class SampleCase implements NoiseSource {
    private static final int MOST_STEPS = 10_000;

    private final CaseFile file;
    private final List<Noise> noise = new ArrayList<>();

    /** The noise of all steps for one array of the state, (S - 1, ...). */
    private record Noise(double[] values, int size) {}

    private SampleCase(CaseFile file, boolean stochastic, SampleRequest request) throws IOException {
        this.file = file;
        List<String> names = List.of("inputs/noise", "inputs/cls_noise");
        for (int i = 0; stochastic && i < request.stateShapes().size(); i++) {
            noise.add(new Noise(
                    file.doubles(names.get(i)),
                    Math.toIntExact(request.stateShapes().get(i).size())));
        }
    }

    static void compute(CaseFile file) throws IOException {
        SiT model = file.model();
        boolean official = file.family().equals("sit-official");
        Interpolant path =
                file.text("path", "").isEmpty() ? Interpolant.LINEAR : file.choice("path", Interpolant.class);
        SamplerConfig config = config(file);
        try (GradMode values = GradMode.off();
                NDManager run = file.manager().newSubManager()) {
            NDArray labels =
                    file.indices("inputs/y", run, model.config().model().numClasses() + 1);
            Shape latents = file.shape("inputs/latents"); // (N, C, H, W)
            SampleRequest request = new SampleRequest(
                    0, labels.toLongArray(), latents.slice(1), model.config().classTokenWidth());
            VelocityField field = new SiTVelocityField(model, new ParameterStore(run, false));
            SampleCase source = new SampleCase(file, config.method() == SamplerMethod.EULER_MARUYAMA, request);
            NDList end = new Sampler(config, path)
                    .sample(run, official ? new ReversedTimeField(field) : field, request, source);
            file.output("outputs/x", end.get(0));
            if (end.size() > 1) {
                file.output("outputs/cls", end.get(1));
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private static SamplerConfig config(CaseFile file) throws IOException {
        SamplerMethod method = file.choice("method", SamplerMethod.class);
        SamplerConfig usual = SamplerConfig.defaults();
        boolean stochastic = method == SamplerMethod.EULER_MARUYAMA; // the others have no last step and no noise
        return new SamplerConfig(
                method,
                steps(file),
                new Guidance(
                        file.number("cfg"),
                        file.text("cls_cfg", "").isEmpty() ? usual.guidance().classCfgScale() : file.number("cls_cfg"),
                        file.number("low"),
                        file.number("high"),
                        guidedChannels(file)),
                stochastic ? file.number("last") : usual.lastStep(),
                stochastic ? file.choice("diffusion", DiffusionScale.class) : usual.diffusion(),
                0);
    }

    private static int steps(CaseFile file) throws IOException {
        int steps = file.whole("steps");
        if (steps < 1 || steps > MOST_STEPS) {
            throw file.problem("metadata steps must be in [1, " + MOST_STEPS + "] but was " + steps);
        }
        return steps;
    }

    /** SiT's own code guides the first three channels, in its cases too unless they say otherwise. */
    private static int guidedChannels(CaseFile file) throws IOException {
        if (!file.text("channels", "").isEmpty()) {
            return file.whole("channels");
        }
        return file.family().equals("sit-official") ? WeightsFamily.SIT_OFFICIAL.legacyGuidedChannels() : 0;
    }

    @Override
    public NDList initial(NDManager manager, SampleRequest request) {
        try {
            NDList state = new NDList(file.floats("inputs/latents", manager));
            if (request.classTokenWidth() > 0) {
                state.add(file.floats("inputs/cls_latents", manager));
            }
            return state;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public NDList path(NDManager manager, SampleRequest request, int step) {
        NDList out = new NDList();
        for (int i = 0; i < noise.size(); i++) {
            Noise all = noise.get(i);
            if ((step + 1) * (long) all.size() > all.values().length) {
                throw new IllegalArgumentException("there is no noise for step " + step);
            }
            try {
                out.add(OwnedArrays.create(
                        manager,
                        request.stateShapes().get(i),
                        DataType.FLOAT64,
                        memory -> memory.asDoubleBuffer().put(all.values(), step * all.size(), all.size())));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return out;
    }
}
