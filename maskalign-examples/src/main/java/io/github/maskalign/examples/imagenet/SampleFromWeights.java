package io.github.maskalign.examples.imagenet;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureWriter;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.sample.Guidance;
import io.github.maskalign.core.sample.SampleRequest;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import io.github.maskalign.core.sample.Sampler;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.core.sample.VelocityField;
import io.github.maskalign.encoders.vae.Autoencoder;
import io.github.maskalign.encoders.vae.Autoencoder.LatentScaling;
import io.github.maskalign.encoders.vae.NativeAutoencoder;
import io.github.maskalign.encoders.vae.TiledDecoder;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.weights.SiTWeights;
import io.github.maskalign.sit.weights.SiTWeights.ImportOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * Draws one picture for each label, with the sampler and the guidance of REG's published scores.
 *
 * <pre>
 * SampleFromWeights WEIGHTS VAE OUT STEPS LABEL...
 *   WEIGHTS  snapshot-*.safetensors of a run, or a published checkpoint that maskalign convert has written
 *   VAE      folder of Stable Diffusion's autoencoder, as diffusers publishes it
 *   OUT      folder for 0.png, 1.png, ...
 *   STEPS    steps of the sampler, such as 250
 *   LABEL    class number, such as 207
 * </pre>
 */
public final class SampleFromWeights {
    private static final int SEED = 0;
    private static final Guidance GUIDANCE = new Guidance(2.3, 2.3, 0, 0.85);
    private static final int LARGEST_LATENT = 64; // larger ones are decoded in tiles of this side

    private SampleFromWeights() {}

    /** Draws; ends with exit code 2 if the arguments are wrong. */
    public static void main(String[] args) throws IOException {
        if (args.length < 5) {
            System.err.println("usage: SampleFromWeights WEIGHTS VAE OUT STEPS LABEL...");
            System.exit(2);
        }
        long[] labels = Arrays.stream(args).skip(4).mapToLong(Long::parseLong).toArray();
        sample(Path.of(args[0]), Path.of(args[1]), Path.of(args[2]), Integer.parseInt(args[3]), labels);
    }

    /** Draws picture number i for {@code labels[i]}; the noise depends on i alone. */
    static void sample(Path weights, Path vae, Path out, int steps, long... labels) throws IOException {
        Files.createDirectories(out);
        SamplerConfig how = SamplerConfig.defaults()
                .withMethod(SamplerMethod.EULER_MARUYAMA, steps)
                .withGuidance(GUIDANCE);
        try (NDManager manager = NDManager.newBaseManager();
                SafetensorsFile file = SafetensorsFile.open(weights);
                Autoencoder autoencoder = NativeAutoencoder.open(vae, manager.getDevice(), Precision.FLOAT32);
                GradMode inference = GradMode.off()) {
            SiTWeights read =
                    SiTWeights.read(weights.toString(), file.stateDict(), file.metadata(), ImportOptions.AUTO);
            SiTConfig model = read.config();
            VelocityField field = read.field(read.load(manager, Precision.FLOAT32), new ParameterStore(manager, false));

            Shape latent = new Shape(
                    model.model().inChannels(),
                    model.model().inputSize(),
                    model.model().inputSize());
            SampleRequest request = new SampleRequest(0, labels, latent, model.classTokenWidth());
            NoiseSource noise = NoiseSource.of(new Draws(SEED));
            NDList drawn = new Sampler(how, Interpolant.LINEAR).sample(manager, field, request, noise);

            TiledDecoder decoder = new TiledDecoder(
                    autoencoder, LatentScaling.STABLE_DIFFUSION, read.family().pixels(), 4, LARGEST_LATENT);
            NDArray latents = drawn.get(0).toType(DataType.FLOAT32, false); // the sampler's states are float64
            byte[] planes = decoder.decode(latents); // (N, 3, side, side)
            int side = model.model().inputSize() * autoencoder.reduction();
            List<Picture> pictures = Picture.ofPlanar(side, side, planes);
            for (int i = 0; i < labels.length; i++) {
                PictureWriter.write(out.resolve(i + ".png"), pictures.get(i), PictureWriter.Packing.DEFLATED);
            }
        }
    }
}
