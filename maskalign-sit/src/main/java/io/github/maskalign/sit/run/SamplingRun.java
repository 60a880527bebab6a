package io.github.maskalign.sit.run;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.distributed.Agreement;
import io.github.maskalign.core.distributed.Communicators.LocalCommunicator;
import io.github.maskalign.core.files.WeightsFile.Unknown;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.sit.run.internal.ClassNames;
import io.github.maskalign.sit.run.internal.ExpertModels;
import io.github.maskalign.sit.run.internal.PictureDecoder;
import io.github.maskalign.sit.run.internal.RunPrecision;
import io.github.maskalign.sit.run.internal.SampleSettings;
import io.github.maskalign.sit.run.internal.SampleSettings.Audience;
import io.github.maskalign.sit.run.internal.SampleSettings.AutoencoderChoice;
import io.github.maskalign.sit.run.internal.SampleSettings.Computing;
import io.github.maskalign.sit.run.internal.SampleSettings.Decoding;
import io.github.maskalign.sit.run.internal.SampleSettings.ExpertWeights;
import io.github.maskalign.sit.run.internal.SampleSettings.Source;
import io.github.maskalign.sit.run.internal.SampleSettings.Wanted;
import io.github.maskalign.sit.run.internal.SampleSource;
import io.github.maskalign.sit.run.internal.SampleWork;
import io.github.maskalign.sit.run.internal.TrainedWeights;
import io.github.maskalign.sit.weights.SiTWeights;
import io.github.maskalign.sit.weights.SiTWeights.ImportOptions;
import io.github.maskalign.sit.weights.internal.OpenWeights;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes pictures with a trained model.
 *
 * <pre>{@code
 * SamplingRun.open(Path.of("runs/mine"))
 *         .withPictures(64, 0)
 *         .withAutoencoder(Path.of("sd-vae-ft-ema"))
 *         .folder(Path.of("samples"));
 * }</pre>
 *
 * <p>Picture number n is the same however many are made, at a time or by how many processes. Devices are the GPU if the
 * engine sees one, otherwise the CPU.
 */
public final class SamplingRun {
    private static final Logger LOG = LoggerFactory.getLogger(SamplingRun.class);

    private final Source source;
    private final Wanted wanted;
    private final Computing computing;
    private final Decoding decoding;
    private final Audience audience;
    private volatile boolean stopRequested;

    private SamplingRun(Source source, Wanted wanted, Computing computing, Decoding decoding, Audience audience) {
        this.source = source;
        this.wanted = wanted;
        this.computing = computing;
        this.decoding = decoding;
        this.audience = audience;
    }

    /**
     * Describes 16 pictures of a model, with labels at random; nothing is opened before they are made.
     *
     * @param source run folder, whose newest averaged weights are taken, or a file of weights of any project
     */
    public static SamplingRun open(Path source) {
        return new SamplingRun(
                new Source(source, null, ImportOptions.AUTO, null, Unknown.REFUSE, List.of()),
                new Wanted(16, 0, List.of(), List.of(), false),
                new Computing((own, model) -> own, null, 16),
                new Decoding(null, null, PictureDecoder.USUAL_BATCH, PictureDecoder.USUAL_TILE),
                new Audience(Progress.Display.LOG, LOG::info));
    }

    /** Returns the run with another of the averages that a run folder keeps, by its decay. */
    public SamplingRun withAverage(double decay) {
        return with(new Source(
                source.path(), decay, source.options(), source.section(), source.unknown(), source.experts()));
    }

    /** Returns the run with what a file from elsewhere does not say about itself. */
    public SamplingRun withImport(ImportOptions options, @Nullable String section, Unknown unknown) {
        return with(new Source(source.path(), source.average(), options, section, unknown, source.experts()));
    }

    /**
     * Returns the run in which further networks draw some of the times in the place of the first (eDiff-I), which has those that
     * they leave. Whether the times are covered once is seen when the pictures are made.
     */
    public SamplingRun withExperts(List<ExpertWeights> experts) {
        return with(new Source(
                source.path(), source.average(), source.options(), source.section(), source.unknown(), experts));
    }

    private SamplingRun with(Source other) {
        return new SamplingRun(other, wanted, computing, decoding, audience);
    }

    /** Returns the run of so many pictures, at least 1, whose noise follows from the seed. */
    public SamplingRun withPictures(int count, long seed) {
        return with(new Wanted(count, seed, wanted.labels(), wanted.names(), wanted.balanced()));
    }

    /** Returns the run of pictures of these classes, repeated as needed. */
    public SamplingRun withLabels(List<Integer> labels) {
        return with(new Wanted(wanted.count(), wanted.seed(), labels, List.of(), false));
    }

    /**
     * Returns the run of pictures of these classes, repeated as needed: names of classes of the run's training data, numbers,
     * and ranges such as {@code 0-3}. What is no class is refused when the pictures are made.
     */
    public SamplingRun withClasses(List<String> classes) {
        return with(new Wanted(wanted.count(), wanted.seed(), List.of(), classes, false));
    }

    /** Returns the run of pictures of all classes in turn. */
    public SamplingRun withAllClasses() {
        return with(new Wanted(wanted.count(), wanted.seed(), List.of(), List.of(), true));
    }

    private SamplingRun with(Wanted other) {
        return new SamplingRun(source, other, computing, decoding, audience);
    }

    /** Returns the run with changed settings of the sampler; the model's own unless given. */
    public SamplingRun withSampling(SampleSettings.Change change) {
        return with(new Computing(change, computing.precision(), computing.batch()));
    }

    /** Returns the run with another arithmetic: null for that of the run folder, and float32 for files. */
    public SamplingRun withPrecision(@Nullable RunPrecision precision) {
        return with(new Computing(computing.change(), precision, computing.batch()));
    }

    /** Returns the run that computes so many pictures at a time, at least 1. */
    public SamplingRun withBatch(int batch) {
        return with(new Computing(computing.change(), computing.precision(), batch));
    }

    private SamplingRun with(Computing other) {
        return new SamplingRun(source, wanted, other, decoding, audience);
    }

    /** Returns the run whose latents an autoencoder decodes: a folder as diffusers publishes it, its weights, or {@code
     * none} for models of pixels.
     */
    public SamplingRun withAutoencoder(Path vae) {
        return withDecoding(AutoencoderChoice.of(vae), decoding.pixels(), decoding.batch(), decoding.tile());
    }

    /** Returns the run with another way from latents to bytes. */
    public SamplingRun withDecoding(
            @Nullable AutoencoderChoice autoencoder, @Nullable PixelScaling pixels, int batch, int tile) {
        return new SamplingRun(source, wanted, computing, new Decoding(autoencoder, pixels, batch, tile), audience);
    }

    /** Returns the run with another display of how far it is, and another reader of what is told of the weights. */
    public SamplingRun withAudience(Progress.Display display, Consumer<String> notes) {
        return new SamplingRun(source, wanted, computing, decoding, new Audience(display, notes));
    }

    /** Asks {@link #folder} to end after its batch; may be called from any thread, at any time. */
    public void requestStop() {
        stopRequested = true;
    }

    /**
     * Writes one sheet of all pictures.
     *
     * @param file PNG file; null for {@code samples-SEED.png} beside the weights
     * @param scale how many times a picture is enlarged, at least 1
     * @return the file
     */
    public Path grid(@Nullable Path file, int scale) throws IOException {
        return grid(file, scale, device(), alone());
    }

    /** As {@link #grid(Path, int)}, as one of several ranks, which share the pictures. */
    public Path grid(@Nullable Path file, int scale, Device device, Agreement agreement) throws IOException {
        return run(device, true, (work, facts) -> {
            Path target = file != null ? file : work.model().folder().resolve("samples-" + wanted.seed() + ".png");
            return work.grid(target, scale, agreement, audience.display());
        });
    }

    /**
     * Writes single pictures 000000.png, ...; the same call goes on where it stopped, with the same pictures.
     *
     * @return the folder
     */
    public Path folder(Path folder) throws IOException {
        return folder(folder, null, device(), alone());
    }

    /**
     * As {@link #folder(Path)}, as one of several ranks, which share the pictures.
     *
     * @param npz file for all pictures as arr_0 (N, H, W, 3), as ADM's evaluator reads them; null for none
     * @return the file for all pictures if it was written, otherwise the folder
     */
    public Path folder(Path folder, @Nullable Path npz, Device device, Agreement agreement) throws IOException {
        return run(
                device,
                true,
                (work, facts) -> work.folder(folder, npz, facts, () -> stopRequested, agreement, audience.display()));
    }

    /** Writes the latents to a .safetensors file: latents (N, C, H, W) and labels. */
    public Path latents(Path file) throws IOException {
        return latents(file, device(), alone());
    }

    /** As {@link #latents(Path)}, as one of several ranks, which share the pictures. */
    public Path latents(Path file, Device device, Agreement agreement) throws IOException {
        return run(device, false, (work, facts) -> work.latents(file, agreement, audience.display()));
    }

    /** What is done with an open model. */
    @FunctionalInterface
    private interface Task {
        Path run(SampleWork work, Map<String, String> facts) throws IOException;
    }

    private Path run(Device device, boolean decoded, Task task) throws IOException {
        Path chosen = source.chosen();
        try (NDManager manager = NDManager.newBaseManager(device);
                OpenWeights file = source.open(chosen);
                ExpertModels experts = ExpertModels.open(source.experts(), source.unknown(), this::model)) {
            List<Double> times = ExpertModels.times(chosen, file);
            if (source.experts().isEmpty() && !times.equals(List.of(0.0, 1.0))) {
                audience.notes()
                        .accept(chosen + " was trained on the times from " + times.get(0) + " to " + times.get(1)
                                + " alone and draws all of them here; --expert names the networks of the others");
            }
            SampleSource own = experts.join(chosen, times, model(chosen, file));
            SampleSource model = own.withSampling(computing.change().of(own.sampling(), own.model()));
            boolean ready = model.model().latentChannels() == 3 && model.scaling() == null;
            Decoding used = decoding.autoencoder() != null || model.autoencoder() == null
                    ? decoding
                    : new Decoding(model.autoencoder(), decoding.pixels(), decoding.batch(), decoding.tile());
            if (decoded && !ready && used.autoencoder() == null) {
                throw new IllegalArgumentException(
                        chosen + ": the model makes latents, which need an autoencoder to"
                                + " become pictures: name it with --vae or --vae-torchscript, or keep the latents with --latents FILE");
            }
            ClassNames names = SampleSource.isRun(chosen) ? ClassNames.read(own.folder()) : new ClassNames(List.of());
            Wanted pictures = wanted.resolved(names);
            Path weights = file.file().path();
            Map<String, String> facts = experts.facts();
            facts.put("source", chosen.toString());
            facts.put("weights", String.valueOf(weights.getFileName()));
            facts.put("weights_sha256", Digests.sha256(weights));
            facts.put("read_as", source.options().toString());
            facts.put(SampleWork.KIND, source.kind(chosen));
            try (Closeable products = model.precision().enter()) {
                int batch = Math.min(computing.batch(), wanted.count());
                return task.run(new SampleWork(manager, model, pictures, used, batch, names), facts);
            }
        }
    }

    private SampleSource model(Path chosen, OpenWeights file) throws IOException {
        if (SampleSource.isRun(chosen)) {
            return SampleSource.of(TrainedWeights.find(chosen), file, computing.precision());
        }
        SiTWeights weights = file.sit(source.options());
        weights.notes().forEach(audience.notes());
        AutoencoderChoice autoencoder = decoding.autoencoder();
        return SampleSource.of(
                weights, file.file().path(), computing.precision(), autoencoder != null && autoencoder.decodes());
    }

    private static Device device() {
        return Engine.getInstance().getGpuCount() == 0 ? Device.cpu() : Device.gpu();
    }

    private static Agreement alone() {
        return new Agreement(new LocalCommunicator());
    }
}
