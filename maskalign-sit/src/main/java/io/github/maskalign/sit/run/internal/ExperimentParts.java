package io.github.maskalign.sit.run.internal;

import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.engine.internal.NativeThreads;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTObjective;
import io.github.maskalign.sit.SiTTraining;
import io.github.maskalign.sit.run.RunConfig;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Everything a training run is made of, opened from its config; one thread owns it. */
public final class ExperimentParts implements AutoCloseable {
    private final NDManager manager;
    private final @Nullable RepresentationEncoder encoder;
    private final SiTObjective objective;
    private final RunData data;

    private ExperimentParts(
            NDManager manager, @Nullable RepresentationEncoder encoder, SiTObjective objective, RunData data) {
        this.manager = manager;
        this.encoder = encoder;
        this.objective = objective;
        this.data = data;
    }

    public static ExperimentParts open(RunConfig config, Path cache, Communicator ranks) throws IOException {
        if (config.runtime().threads() > 0) {
            NativeThreads.set(config.runtime().threads());
        }
        NDManager manager = NDManager.newBaseManager(config.runtime().device(ranks.localRank()));
        RunData data = null;
        RepresentationEncoder encoder = null;
        try {
            SiTConfig plan = RunPlan.model(config);
            data = RunData.open(config, cache, new Draws(config.seed()), ranks);
            if (data.data().tokenWidth() == 0) { // otherwise the tokens come with the samples
                encoder = EncoderChoice.open(config, plan, data.pictureSide(), manager.getDevice());
            }
            SiTTraining.Builder training = SiTTraining.builder()
                    .setModel(plan)
                    .setData(data.data())
                    .setTrain(config.train())
                    .optSeed(config.seed())
                    .optPrecision(config.runtime().precision().ofBlocks())
                    .optDiffusion(config.diffusion());
            if (encoder != null) {
                training.optEncoder(encoder);
            }
            SiTObjective objective = training.buildObjective(manager);
            return new ExperimentParts(manager, encoder, objective, data);
        } catch (IOException | RuntimeException | Error e) {
            if (encoder != null) {
                encoder.close();
            }
            if (data != null) {
                data.close();
            }
            manager.close();
            throw e;
        }
    }

    public NDManager manager() {
        return manager;
    }

    public SiTObjective objective() {
        return objective;
    }

    /** Returns what the run is trained on. */
    public RunData data() {
        return data;
    }

    @Override
    public void close() {
        if (encoder != null) {
            encoder.close();
        }
        data.close();
        manager.close();
    }
}
