package io.github.maskalign.sit.run.internal;

import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.VelocityField;
import io.github.maskalign.encoders.vae.Autoencoder.LatentScaling;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTVelocityField;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunConfig.DataSection;
import io.github.maskalign.sit.run.internal.SampleSettings.AutoencoderChoice;
import io.github.maskalign.sit.weights.SiTWeights;
import io.github.maskalign.sit.weights.internal.OpenWeights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A model to sample from: a run's averaged weights with the run's config, or a file of any family.
 *
 * @param model the model
 * @param precision arithmetic of its matrix products, and of all others of the process
 * @param path the path it was trained on
 * @param sampling how it is sampled unless something else is asked for
 * @param scaling from the autoencoder's latents to those it was trained on; null for what the autoencoder says
 * @param autoencoder what its run decodes with; null if it makes pixels, or its run does not say
 * @param pixels how values become bytes unless something else is asked for
 * @param folder where its pictures go
 * @param loader loads its weights
 */
public record SampleSource(
        SiTConfig model,
        RunPrecision precision,
        Interpolant path,
        SamplerConfig sampling,
        @Nullable LatentScaling scaling,
        @Nullable AutoencoderChoice autoencoder,
        PixelScaling pixels,
        Path folder,
        Loader loader) {

    /** Loads a model. */
    @FunctionalInterface
    public interface Loader {
        /** Returns the velocities of a model whose arrays belong to {@code manager}. */
        VelocityField load(NDManager manager) throws IOException;
    }

    /** Returns this sampled in another way. */
    public SampleSource withSampling(SamplerConfig how) {
        return new SampleSource(model, precision, path, how, scaling, autoencoder, pixels, folder, loader);
    }

    /** Returns this with another network of the same kind. */
    SampleSource withLoader(Loader other) {
        return new SampleSource(model, precision, path, sampling, scaling, autoencoder, pixels, folder, other);
    }

    /** Whether a path is the folder of a run with a config, or averaged weights inside one. */
    public static boolean isRun(Path source) {
        return (Files.isDirectory(source) && Files.exists(source.resolve("config.yaml")))
                || TrainedWeights.isInRun(source);
    }

    /**
     * Takes the weights of a run; the file must stay open until they are loaded.
     *
     * @param wanted the arithmetic; null for that of the run
     */
    public static SampleSource of(TrainedWeights run, OpenWeights file, @Nullable RunPrecision wanted)
            throws IOException {
        RunConfig config = run.config();
        SiTConfig model = RunPlan.model(config);
        RunPrecision precision = wanted == null ? config.runtime().precision() : wanted;
        DataSection data = config.data();
        LatentScaling scaling = data.kind() == DataSection.Kind.LATENTS
                ? LatentNorm.of(data, run.folder()).latentScaling()
                : null;
        Interpolant path = config.diffusion().path();
        PixelScaling pixels = RunPlan.pixels(config);
        AutoencoderChoice own = data.embedded() ? AutoencoderChoice.EMBEDDED : null;
        if (EndToEndRun.isMeant(config)) {
            scaling = EndToEndRun.scaling(file.tensors());
            own = EndToEndRun.trained(config, run.folder(), run.weights());
        }
        return new SampleSource(
                model, precision, path, config.sample(), scaling, own, pixels, run.folder(), manager -> {
                    SiT sit = new SiT(model, precision.ofBlocks());
                    sit.initialize(manager);
                    try (GradMode editing = GradMode.off()) {
                        file.tensors().copyTo(Weights.of(sit));
                    }
                    return new SiTVelocityField(sit, new ParameterStore(manager, false));
                });
    }

    /**
     * Takes weights of any family; their file must stay open until they are loaded. Guidance acts on the channels on
     * which the family's own sampler lets it act.
     *
     * @param wanted the arithmetic; null for float32
     * @param decoded whether an autoencoder makes the pictures, which then follow the family's rule; otherwise the
     *     model's values are the pixels, and the nearest level is exact
     */
    public static SampleSource of(SiTWeights weights, Path file, @Nullable RunPrecision wanted, boolean decoded) {
        RunPrecision precision = wanted == null ? RunPrecision.FLOAT32 : wanted;
        return new SampleSource(
                weights.config(),
                precision,
                weights.path(),
                weights.sampling(),
                null,
                null,
                decoded ? weights.family().pixels() : PixelScaling.ROUND,
                file.toAbsolutePath().resolveSibling(""),
                manager -> {
                    try (GradMode editing = GradMode.off()) {
                        return weights.field(
                                weights.load(manager, precision.ofBlocks()), new ParameterStore(manager, false));
                    }
                });
    }
}
