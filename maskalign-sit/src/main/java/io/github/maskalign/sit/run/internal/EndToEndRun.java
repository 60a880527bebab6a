package io.github.maskalign.sit.run.internal;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.train.RunCheckpoints;
import io.github.maskalign.encoders.vae.Autoencoder;
import io.github.maskalign.encoders.vae.Autoencoder.LatentScaling;
import io.github.maskalign.encoders.vae.PatchAutoencoder;
import io.github.maskalign.encoders.vae.PerceptualDistance;
import io.github.maskalign.encoders.vae.ReconstructionLoss;
import io.github.maskalign.encoders.vae.TrainableAutoencoder;
import io.github.maskalign.sit.EndToEnd;
import io.github.maskalign.sit.EndToEndObjective;
import io.github.maskalign.sit.EndToEndObjective.AutoencoderSide;
import io.github.maskalign.sit.EndToEndObjective.SideLosses;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTObjective;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunConfig.DataSection;
import io.github.maskalign.sit.run.internal.SampleSettings.AutoencoderChoice;
import io.github.maskalign.sit.weights.internal.Keys;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The autoencoder that a run trains along ({@code terms.endToEnd}), and what becomes of it afterwards. */
public final class EndToEndRun implements AutoencoderSide, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(EndToEndRun.class);
    private static final String PART = EndToEndObjective.AUTOENCODER;
    private static final Pattern STEP = Pattern.compile("(\\d+)(\\.safetensors)?$");

    private final RunConfig run;
    private final Autoencoder autoencoder;
    private final ReconstructionLoss loss;

    private EndToEndRun(RunConfig run, Autoencoder autoencoder, ReconstructionLoss loss) {
        this.run = run;
        this.autoencoder = autoencoder;
        this.loss = loss;
    }

    /** Whether a config trains its autoencoder. */
    public static boolean isMeant(RunConfig run) {
        return term(run).isPresent();
    }

    private static Optional<EndToEnd> term(RunConfig run) {
        return run.method().terms().endToEnd();
    }

    /**
     * Checks that a run has an autoencoder to train.
     *
     * @throws IllegalArgumentException if its latents are pixels
     */
    public static void requireFits(DataSection data) {
        if (data.kind() != DataSection.Kind.LATENTS && !data.embedded()) {
            throw new IllegalArgumentException("terms.endToEnd trains an autoencoder, which data.kind " + data.kind()
                    + " with pixels as latents does not have: choose data.space LATENTS with EMOJI, or data.kind LATENTS"
                    + " prepared with --images");
        }
    }

    /**
     * Checks what can be said before anything is opened.
     *
     * @throws IllegalArgumentException if a run has more processes than it can have, or names no autoencoder
     */
    public static void requireRunnable(RunConfig run, int ranks) {
        if (!isMeant(run)) {
            return;
        }
        if (ranks > 1) {
            throw EndToEndObjective.tooManyProcesses(ranks);
        }
        if (!run.data().embedded()) {
            named(run);
        }
    }

    /** @throws IllegalArgumentException if a run has no pictures for its autoencoder, whose side is 0 then */
    public static void requirePictures(RunConfig run, int side) {
        if (isMeant(run) && side == 0) {
            throw new IllegalArgumentException("terms.endToEnd looks at pictures, which data.path "
                    + run.data().path().orElseThrow() + " does not hold: prepare it with --images");
        }
    }

    /**
     * Opens autoencoder, discriminator and LPIPS. To be called once the model has its weights: the discriminator's are drawn
     * after them.
     *
     * @param pictureSide side of the training pictures; 0 if there are none
     * @throws IllegalArgumentException if there is no autoencoder, or it does not fit the model
     */
    public static EndToEndRun open(RunConfig run, int pictureSide, NDManager manager) throws IOException {
        EndToEnd term = term(run).orElseThrow();
        Autoencoder opened = autoencoder(run, manager.getDevice());
        try {
            requireFits(run, opened, pictureSide);
            TrainableAutoencoder networks = opened.trainable()
                    .orElseThrow(() -> new IllegalArgumentException("the weights of data.vae "
                            + run.data().vae().orElseThrow()
                            + " cannot be trained: name an autoencoder as diffusers publishes"
                            + " it"));
            PerceptualDistance lpips = null;
            if (term.perceptual() > 0 && term.vgg().isPresent()) {
                lpips = PerceptualDistance.open(term.vgg().get(), term.lpips().orElseThrow(), manager);
            } else if (term.perceptual() > 0) {
                LOG.warn(
                        "terms.endToEnd.vgg and lpips name no files, so the autoencoder is trained without LPIPS, by its"
                                + " other terms alone; as published it has it");
            }
            ReconstructionLoss.Weighting weights =
                    new ReconstructionLoss.Weighting(term.perceptual(), term.kl(), term.gan());
            ReconstructionLoss loss = new ReconstructionLoss(networks, weights, lpips, manager);
            if (term.discriminator().isPresent()) {
                load(term.discriminator().get(), loss.discriminator());
            }
            return new EndToEndRun(run, opened, loss);
        } catch (IOException | RuntimeException e) {
            opened.close();
            throw e;
        }
    }

    /** Running statistics, which the original's file has too, are not looked at. */
    private static void load(Path file, Map<String, Parameter> discriminator) throws IOException {
        try (WeightsFile weights = WeightsFile.open(file)) {
            Map<String, TensorSource> wanted = new LinkedHashMap<>();
            weights.stateDict().tensors().forEach((key, tensor) -> {
                if (discriminator.containsKey(key)) {
                    wanted.put(key, tensor);
                }
            });
            Map<String, NDArray> own = new LinkedHashMap<>();
            discriminator.forEach((key, parameter) -> own.put(key, parameter.getArray()));
            StateDict.ofTensors(file.toString(), wanted).copyTo(own);
        }
    }

    /** Opens the autoencoder that a run begins with. */
    private static Autoencoder autoencoder(RunConfig run, Device device) throws IOException {
        if (run.data().embedded()) {
            return PatchAutoencoder.embedded(device);
        }
        return AutoencoderChoice.of(named(run)).opening().open(device, Precision.FLOAT32);
    }

    private static Path named(RunConfig run) {
        return run.data()
                .vae()
                .filter(path -> !AutoencoderChoice.isNone(path))
                .orElseThrow(() -> new IllegalArgumentException(
                        "data.vae must name the autoencoder that terms.endToEnd begins with, such as --set"
                                + " data.vae=sd-vae-ft-mse"));
    }

    private static void requireFits(RunConfig run, Autoencoder opened, int pictureSide) {
        SiTConfig model = RunPlan.model(run);
        if (opened.latentChannels() != model.latentChannels()) {
            throw new IllegalArgumentException("model.inChannels must be " + opened.latentChannels() + " for "
                    + opened.file() + " but was " + model.latentChannels());
        }
        requirePictures(run, pictureSide);
        int side = opened.reduction() * model.model().inputSize();
        if (side != pictureSide) {
            throw new IllegalArgumentException("model.inputSize must be " + pictureSide / opened.reduction()
                    + " for pictures of " + pictureSide + " pixels and " + opened.file() + " but was "
                    + model.model().inputSize());
        }
    }

    /** Returns the objective that trains both; the norm begins with what the config says of the latents. */
    public EndToEndObjective objective(SiTObjective transformer, NDManager manager) throws IOException {
        LatentScaling scaling = run.data().embedded()
                ? autoencoder.scaling()
                : LatentNorm.of(run.data()).latentScaling();
        int channels = autoencoder.latentChannels();
        float[] mean = new float[channels];
        float[] variance = new float[channels];
        for (int c = 0; c < channels; c++) {
            int i = scaling.scale().size() == 1 ? 0 : c;
            mean[c] = scaling.bias().get(i).floatValue();
            variance[c] = (float) (1 / (scaling.scale().get(i) * scaling.scale().get(i)));
        }
        try (NDManager scratch = manager.newSubManager()) {
            return new EndToEndObjective(
                    transformer,
                    this,
                    OwnedArrays.of(scratch, new Shape(channels), mean),
                    OwnedArrays.of(scratch, new Shape(channels), variance));
        }
    }

    /** Returns the files of a run with those of its autoencoder, whose folder is made. */
    public RunCheckpoints in(RunCheckpoints checkpoints, Path folder) throws IOException {
        Path own = folder.resolve(PART);
        AtomicFile.createFolders(own);
        AtomicFile.removeLeftovers(own);
        Optional<String> config = loss.autoencoder().config();
        if (config.isPresent()) {
            AtomicFile.write(own.resolve("config.json"), config.get());
        }
        return checkpoints.withPart(PART);
    }

    /** Returns settings of a run that its config does not tell: what LPIPS and discriminator begin with. */
    public Map<String, String> identity() throws IOException {
        EndToEnd term = term(run).orElseThrow();
        Map<String, String> out = new LinkedHashMap<>();
        List<Path> files = new ArrayList<>();
        term.vgg().ifPresent(files::add);
        term.lpips().ifPresent(files::add);
        term.discriminator().ifPresent(files::add);
        StringBuilder hashes = new StringBuilder();
        for (Path file : files) {
            hashes.append(Digests.sha256(file), 0, 16).append(' ');
        }
        if (!files.isEmpty()) {
            out.put("terms.endToEnd.weights", hashes.toString().trim());
        }
        return out;
    }

    @Override
    public Map<String, Parameter> autoencoder() {
        return loss.autoencoder().parameters();
    }

    @Override
    public Map<String, Parameter> discriminator() {
        return loss.discriminator();
    }

    @Override
    public SideLosses losses(NDArray images, NDArray noise) {
        ReconstructionLoss.Losses all = loss.of(images, noise);
        return new SideLosses(all.latents(), all.total(), all.discriminator(), all.parts());
    }

    @Override
    public void close() {
        autoencoder.close();
    }

    /** Whether a weight of such a run belongs to the autoencoder or the discriminator, and not to the model. */
    public static boolean isBesideTheModel(String key) {
        return key.startsWith(EndToEndObjective.AUTOENCODER + ".")
                || key.startsWith(EndToEndObjective.DISCRIMINATOR + ".");
    }

    /**
     * Opens the autoencoder of a run as it is trained now.
     *
     * @param weights all weights of the run by key
     */
    static Autoencoder opened(RunConfig run, Device device, Map<String, NDArray> weights) throws IOException {
        Autoencoder opened = autoencoder(run, device);
        try {
            Map<String, NDArray> own = new LinkedHashMap<>();
            weights.forEach((key, array) -> {
                if (key.startsWith(PART + ".")) {
                    own.put(key.substring(PART.length() + 1), array);
                }
            });
            opened.trainable().orElseThrow().copyFrom(own);
            return opened;
        } catch (RuntimeException e) {
            opened.close();
            throw e;
        }
    }

    /** Returns how samples become the autoencoder's latents again: what the averaged norm did is undone. */
    static LatentScaling scaling(Map<String, NDArray> weights) {
        return scaling(floats(weights.get(Keys.NORM_MEAN)), floats(weights.get(Keys.NORM_VARIANCE)));
    }

    /** The same for the weights of a file. */
    static LatentScaling scaling(StateDict tensors) throws IOException {
        return scaling(
                tensors.get(Keys.NORM_MEAN).floats(),
                tensors.get(Keys.NORM_VARIANCE).floats());
    }

    private static float[] floats(@Nullable NDArray array) {
        if (array == null) {
            throw new IllegalArgumentException("the weights have no " + Keys.NORM + "running statistics");
        }
        return array.toFloatArray();
    }

    private static LatentScaling scaling(float[] mean, float[] variance) {
        List<Double> scale = new ArrayList<>();
        List<Double> bias = new ArrayList<>();
        for (int c = 0; c < mean.length; c++) {
            scale.add(1 / Math.sqrt(variance[c] + EndToEnd.EPS));
            bias.add((double) mean[c]);
        }
        return new LatentScaling(scale, bias);
    }

    /**
     * Returns the autoencoder that belongs to averaged weights of a run.
     *
     * @param weights a snapshot, or the average in a checkpoint
     * @throws FileNotFoundException if its file is not there
     */
    static AutoencoderChoice trained(RunConfig run, Path folder, Path weights) throws FileNotFoundException {
        String name = String.valueOf(weights.getFileName());
        Matcher step = STEP.matcher(
                name.startsWith("snapshot-")
                        ? name
                        : String.valueOf(
                                weights.toAbsolutePath().resolveSibling("").getFileName()));
        Path file = RunCheckpoints.partFile(folder, PART, step.find() ? Long.parseLong(step.group(1)) : 0);
        if (!Files.isRegularFile(file)) {
            throw new FileNotFoundException(file + ", the autoencoder that was trained along with " + weights
                    + " and decodes its pictures; a snapshot always has one");
        }
        boolean embedded = run.data().embedded();
        return embedded
                ? new AutoencoderChoice(file.toString(), (device, precision) -> PatchAutoencoder.open(file, device))
                : AutoencoderChoice.of(file);
    }
}
