package io.github.maskalign.examples.run;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.TokenSubsetSampler;
import io.github.maskalign.core.engine.NativeThreads;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.RandomStream;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTLoss;
import io.github.maskalign.sit.SiTObjective;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Everything a training run is made of, opened from its config; one thread owns it. */
final class ExperimentParts implements AutoCloseable {
    private final NDManager manager;
    private final @Nullable RepresentationEncoder encoder;
    private final SiTObjective objective;
    private final String attribution;

    private ExperimentParts(
            NDManager manager, @Nullable RepresentationEncoder encoder, SiTObjective objective, String attribution) {
        this.manager = manager;
        this.encoder = encoder;
        this.objective = objective;
        this.attribution = attribution;
    }

    static ExperimentParts open(RunConfig config, Path cache) throws IOException {
        if (config.runtime().threads() > 0) {
            NativeThreads.set(config.runtime().threads());
        }
        NDManager manager = NDManager.newBaseManager(device(config));
        try {
            Draws draws = new Draws(config.seed());
            SiTConfig plan = RunPlan.model(config);
            EmojiData emoji = data(config, cache, draws);
            RepresentationEncoder encoder = EncoderChoice.open(config, plan);
            Engine.getInstance().setRandomSeed(draws.at(RandomStream.INIT, 0).nextInt());
            SiT model = new SiT(plan, config.runtime().precision());
            model.initialize(manager);
            SiTObjective objective = new SiTObjective(
                    model,
                    new ParameterStore(manager, false),
                    new SiTLoss(
                            model,
                            config.diffusion().path(),
                            config.cls().beta(),
                            config.align().coeff()),
                    emoji.data(),
                    encoder,
                    config.diffusion(),
                    new TokenSubsetSampler(
                            config.subset(), draws, config.train().steps()),
                    draws);
            return new ExperimentParts(manager, encoder, objective, emoji.attribution());
        } catch (IOException | RuntimeException e) {
            manager.close();
            throw e;
        }
    }

    NDManager manager() {
        return manager;
    }

    SiTObjective objective() {
        return objective;
    }

    /** Returns who made the training pictures, under which licences. */
    String attribution() {
        return attribution;
    }

    @Override
    public void close() {
        if (encoder != null) {
            encoder.close();
        }
        manager.close();
    }

    private static EmojiData data(RunConfig config, Path cache, Draws draws) throws IOException {
        return switch (config.data().kind()) {
            case EMOJI -> EmojiData.open(config, cache, draws);
            case LATENTS ->
                throw new IllegalArgumentException(
                        "data.kind LATENTS describes prepared latents, which this version can resolve and size up"
                                + " (--dry-run, info, bench) but not read; train on EMOJI");
        };
    }

    private static Device device(RunConfig config) {
        if (config.runtime().device().equals("cpu")) {
            return Device.cpu();
        }
        if (Engine.getInstance().getGpuCount() == 0) {
            throw new IllegalArgumentException(
                    "runtime.device is gpu but the engine sees none; run 'maskalign doctor', or set runtime.device=cpu");
        }
        return Device.gpu();
    }
}
