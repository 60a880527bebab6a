package io.github.maskalign.sit.djl;

import ai.djl.Application;
import ai.djl.Model;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ModelNotFoundException;
import ai.djl.repository.zoo.ZooModel;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.sample.Guidance;
import io.github.maskalign.core.sample.Sampler;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.encoders.djl.internal.LocalLoader;
import io.github.maskalign.encoders.djl.internal.PictureTypes;
import io.github.maskalign.encoders.djl.internal.ZooArguments;
import io.github.maskalign.encoders.vae.Autoencoder;
import io.github.maskalign.encoders.vae.NativeAutoencoder;
import io.github.maskalign.encoders.vae.PixelAutoencoder;
import io.github.maskalign.encoders.vae.TiledDecoder;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.djl.SamplingBlock.Decoding;
import io.github.maskalign.sit.weights.SiTWeights;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Loads trained models with their sampler and what decodes their latents. */
final class SiTLoader extends LocalLoader {
    private static final int TOGETHER = 4;
    private static final int TILE = 64; // larger latents are decoded in tiles of this side

    SiTLoader() {
        super(SiTZoo.GROUP, "sit", Application.CV.IMAGE_GENERATION);
    }

    @Override
    public <I, O> ZooModel<I, O> loadModel(Criteria<I, O> criteria) throws IOException, ModelNotFoundException {
        Class<I> in = criteria.getInputClass();
        Class<O> out = criteria.getOutputClass();
        boolean pictures = PictureTypes.isPicture(out);
        if ((in != Integer.class && in != String.class) || (!pictures && out != NDList.class)) {
            throw PictureTypes.unsupported(
                    getArtifactId(), in, out, List.of("from Integer or String to Picture, Image or NDList"));
        }
        ZooArguments arguments = new ZooArguments(criteria);
        Path path = arguments.path(getArtifactId());
        Model model = Model.newInstance(getArtifactId(), criteria.getDevice());
        try (SiTWeights weights = SiTWeights.open(path);
                GradMode editing = GradMode.off()) {
            NDManager manager = model.getNDManager();
            SiTConfig config = weights.config();
            SamplerConfig sampler = sampler(arguments, weights);
            List<String> names = names(arguments, in, config);
            Decoding decoding = pictures ? decoding(arguments, weights, manager) : null;
            SiT sit = weights.load(manager, Precision.FLOAT32);
            Draws draws = new Draws(arguments.whole("seed", 0));
            model.setBlock(new SamplingBlock(
                    sit, store -> weights.field(sit, store), new Sampler(sampler, weights.path()), draws, decoding));
            return new ZooModel<>(
                    model, ZooArguments.translator(criteria, model, new SamplingTranslator<>(names, in, out)));
        } catch (IOException | ModelNotFoundException | RuntimeException e) {
            model.close();
            throw e;
        }
    }

    private static SamplerConfig sampler(ZooArguments arguments, SiTWeights weights) {
        Object given = arguments.find("sampler").orElse(weights.sampling());
        if (!(given instanceof SamplerConfig sampler)) {
            throw new IllegalArgumentException("sampler must be a SamplerConfig but was a "
                    + given.getClass().getName());
        }
        Guidance own = sampler.guidance();
        Guidance guidance = new Guidance(
                arguments.number("cfg", own.cfgScale()),
                own.classCfgScale(),
                own.intervalLow(),
                own.intervalHigh(),
                own.legacyGuidedChannels(),
                own.unconditional(),
                own.routes(),
                own.featureCfgScale(),
                own.cfgPower());
        return sampler.withMethod(sampler.method(), arguments.integer("steps", sampler.steps()))
                .withGuidance(guidance);
    }

    private static List<String> names(ZooArguments arguments, Class<?> in, SiTConfig config) {
        if (in == Integer.class) {
            return List.of();
        }
        Object given = arguments.find("classes").orElse(null);
        int wanted = config.model().numClasses();
        if (!(given instanceof List<?> list) || list.size() != wanted) {
            throw new IllegalArgumentException(
                    "classes must be a List of the " + wanted + " names of the model's classes" + " but was "
                            + (given instanceof List<?> list ? "one of " + list.size() : given));
        }
        return list.stream().map(String::valueOf).toList();
    }

    /** The autoencoder is closed with the model. */
    private static Decoding decoding(ZooArguments arguments, SiTWeights weights, NDManager manager) throws IOException {
        String name = arguments.text("autoencoder").orElse("none");
        boolean pixels = name.equals("none");
        Autoencoder vae = pixels
                ? new PixelAutoencoder()
                : NativeAutoencoder.open(Path.of(name), manager.getDevice(), Precision.FLOAT32);
        manager.attachInternal("maskalign-autoencoder", vae);
        int channels = weights.config().model().inChannels();
        if (vae.latentChannels() != channels) {
            throw new IllegalArgumentException(
                    pixels
                            ? "the model makes latents of " + channels + " channels: the argument autoencoder must"
                                    + " name what makes pictures of them"
                            : "the autoencoder has latents of " + vae.latentChannels()
                                    + " channels but the model makes " + channels);
        }
        PixelScaling rule = pixels ? PixelScaling.ROUND : weights.family().pixels();
        int side = weights.config().model().inputSize() * vae.reduction();
        return new Decoding(new TiledDecoder(vae, vae.scaling(), rule, TOGETHER, TILE), side);
    }
}
