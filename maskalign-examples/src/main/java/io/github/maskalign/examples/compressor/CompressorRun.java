package io.github.maskalign.examples.compressor;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.data.FeatureBasis;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.train.Objective;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.examples.training.ObjectiveRun;
import io.github.maskalign.examples.training.SmallModelRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trains a compressor of tokens in a folder of its own, exports it and measures it.
 *
 * <p>Besides what {@link ObjectiveRun} writes, the folder holds {@code standard.safetensors}, what tokens are standardised by, and
 * at the end {@code compressor.safetensors}: this, encoder and decoder under the official keys, and the running statistics of
 * their norms, which are the mean over {@value #MEASURED} batches after the last step. {@code compressor.json} tells how it was
 * made, how well the tokens of held-out pictures come back, and the hash of the file.
 */
public final class CompressorRun extends SmallModelRun<CompressorConfig> {
    /** Batches over which the statistics of the norms are measured. */
    static final int MEASURED = 64;

    private static final Logger LOG = LoggerFactory.getLogger(CompressorRun.class);
    private static final String WEIGHTS = "compressor.safetensors";
    private static final String PROVENANCE = "compressor.json";
    private static final int MOST_TOGETHER = 64;
    private static final double DIGITS = 1e4;
    private static final Gson GSON =
            new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();

    /**
     * Describes a run.
     *
     * @param config what to train
     * @param folder the run's folder; made if it does not exist
     * @param cache where drawn pictures are kept
     * @param version version of this program, for the provenance
     */
    public CompressorRun(Bound<CompressorConfig> config, Path folder, Path cache, String version) {
        super("compressor", config, folder, cache, version);
    }

    @Override
    protected StopReason run(ObjectiveRun training) throws IOException {
        CompressorConfig wanted = config.value();
        Device device = device(wanted.device());
        try (TokenSet tokens = TokenSet.open(wanted, cache, device)) {
            if (wanted.channels() > tokens.width()) {
                throw new IllegalArgumentException("channels must be at most the width of the tokens, " + tokens.width()
                        + ", but was " + wanted.channels());
            }
            TokenShares shares = new TokenShares(tokens.size(), wanted.heldOut());
            Files.createDirectories(folder);
            TokenShares.Standard standard = shares.standard(tokens, folder.resolve("standard.safetensors"), device);
            LOG.info(
                    "tokens of width {} of {} pictures become {} channels; {} more are held out",
                    tokens.width(),
                    tokens.size() - wanted.heldOut(),
                    wanted.channels(),
                    wanted.heldOut());
            return training.on(device).run(wanted.train(), wanted.optim(), new Model(tokens, shares, standard, device));
        }
    }

    private static Device device(String name) {
        if (name.equals("gpu") && Engine.getInstance().getGpuCount() == 0) {
            throw new IllegalArgumentException(
                    "device is gpu but the engine sees none; run 'maskalign doctor', or set device=cpu");
        }
        return name.equals("gpu") ? Device.gpu() : Device.cpu();
    }

    /** The compressor and its tokens. */
    private final class Model implements ObjectiveRun.Model {
        private final TokenSet tokens;
        private final TokenShares shares;
        private final TokenShares.Standard standard;
        private final Device device;
        private @Nullable CompressorObjective opened;

        Model(TokenSet tokens, TokenShares shares, TokenShares.Standard standard, Device device) {
            this.tokens = tokens;
            this.shares = shares;
            this.standard = standard;
            this.device = device;
        }

        @Override
        public Objective open(NDManager manager) {
            opened = new CompressorObjective(config.value(), tokens, shares.learnt(), standard, manager);
            return opened;
        }

        private CompressorObjective objective() {
            return Objects.requireNonNull(opened);
        }

        @Override
        public void publish(TrainState state) throws IOException {
            try (GradMode values = GradMode.off();
                    NDManager manager = NDManager.newBaseManager(device)) {
                Map<String, NDArray> statistics = statistics(manager);
                Path file = write(state, statistics);
                JsonObject provenance = provenance(state);
                if (config.value().heldOut() > 0) {
                    provenance.add("reconstruction_of_held_out", measured(manager, statistics));
                }
                provenance.addProperty("sha256", Digests.sha256(file));
                AtomicFile.write(folder.resolve(PROVENANCE), GSON.toJson(provenance) + "\n");
            }
        }

        /** The statistics of the norms, each the mean over batches of pictures that it learnt from. */
        private Map<String, NDArray> statistics(NDManager manager) {
            CompressorObjective objective = objective();
            int[] learnt = shares.learnt();
            int batch = Math.min(config.value().batch(), learnt.length);
            int batches = Math.min(MEASURED, learnt.length / batch);
            Map<String, NDArray> mean = new LinkedHashMap<>();
            for (int i = 0; i < batches; i++) {
                int[] some = Arrays.copyOfRange(learnt, i * batch, (i + 1) * batch);
                try (NDManager scratch = manager.newSubManager()) {
                    objective
                            .network()
                            .statistics(objective.standardised(scratch, some))
                            .forEach((key, value) -> {
                                NDArray sum = mean.get(key);
                                NDArray share = value.div(batches);
                                NDArray more = sum == null ? share : sum.add(share);
                                more.attach(manager);
                                mean.put(key, more);
                            });
                }
            }
            return mean;
        }

        private Path write(TrainState state, Map<String, NDArray> statistics) throws IOException {
            Shape width = new Shape(tokens.width());
            Map<String, TensorSource> tensors = new TreeMap<>();
            tensors.put("mean", TensorSource.of(width, standard.mean()));
            tensors.put("std", TensorSource.of(width, standard.std()));
            state.weights().forEach((key, value) -> tensors.put(key, TensorSource.of(value)));
            statistics.forEach((key, value) -> tensors.put(key, TensorSource.of(value)));
            Path file = folder.resolve(WEIGHTS);
            SafetensorsWriter.write(file, StateDict.ofTensors(tensors), facts(state.step()));
            FeatureBasis read = FeatureBasis.read(file);
            LOG.info("{}: {} channels of tokens of width {}", file, read.channels(), read.width());
            return file;
        }

        private Map<String, String> facts(long steps) {
            Map<String, String> facts = new TreeMap<>(tokens.facts());
            facts.put("steps", Long.toString(steps));
            facts.put("config_sha256", config.hash());
            return facts;
        }

        /** How much of the standardised tokens of held-out pictures is lost. */
        private JsonObject measured(NDManager manager, Map<String, NDArray> statistics) {
            CompressorObjective objective = objective();
            int[] heldOut = shares.heldOut();
            double error = 0;
            double power = 0;
            for (int first = 0; first < heldOut.length; first += MOST_TOGETHER) {
                int[] some = Arrays.copyOfRange(heldOut, first, Math.min(heldOut.length, first + MOST_TOGETHER));
                try (NDManager scratch = manager.newSubManager()) {
                    NDArray x = objective.standardised(scratch, some);
                    NDArray back = objective.network().reconstructed(x, statistics);
                    double share = (double) some.length / heldOut.length;
                    error += share * CompressorNetwork.difference(back, x).getFloat();
                    power += share
                            * CompressorNetwork.difference(x, x.zerosLike()).getFloat();
                }
            }
            LOG.info("held-out tokens come back with a mean squared error of {}, of {}", error, power);
            JsonObject out = new JsonObject();
            out.addProperty("pictures", heldOut.length);
            out.addProperty("mean_squared_error", rounded(error));
            out.addProperty("mean_square_of_tokens", rounded(power));
            return out;
        }

        private JsonObject provenance(TrainState state) {
            CompressorConfig wanted = config.value();
            JsonObject out = new JsonObject();
            out.addProperty(
                    "what",
                    "compressor of tokens of width " + tokens.width() + " to " + wanted.channels() + " channels by "
                            + wanted.hidden());
            out.addProperty("command", "maskalign train-compressor " + config.source());
            out.addProperty("maskalign", version);
            out.addProperty("djl", Engine.getDjlVersion());
            out.addProperty("pytorch", Engine.getInstance().getVersion());
            out.addProperty("device", device.toString());
            out.addProperty(
                    "parameters",
                    state.weights().values().stream().mapToLong(NDArray::size).sum());
            out.addProperty("steps", state.step());
            out.addProperty("seed", wanted.seed());
            out.addProperty("batch", wanted.batch());
            out.addProperty("pictures", tokens.size() - wanted.heldOut());
            tokens.facts().forEach(out::addProperty);
            out.addProperty("config_sha256", config.hash());
            return out;
        }
    }

    private static double rounded(double value) {
        return Math.round(value * DIGITS) / DIGITS;
    }
}
