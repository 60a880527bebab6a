package io.github.maskalign.examples;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.distributed.Agreement;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.Launch;
import io.github.maskalign.core.distributed.internal.Share;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.sample.SampleListener;
import io.github.maskalign.core.sample.VelocityField;
import io.github.maskalign.encoders.vae.Autoencoder;
import io.github.maskalign.encoders.vae.LatentScaling;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.run.Progress;
import io.github.maskalign.sit.run.internal.LatentSampling;
import io.github.maskalign.sit.run.internal.OpenWeights;
import io.github.maskalign.sit.run.internal.PictureDecoder;
import io.github.maskalign.sit.run.internal.Pictures;
import io.github.maskalign.sit.run.internal.RunPrecision;
import io.github.maskalign.sit.run.internal.SampleFolder;
import io.github.maskalign.sit.run.internal.SampleGrid;
import io.github.maskalign.sit.run.internal.SampleSource;
import io.github.maskalign.sit.run.internal.TrainedWeights;
import io.github.maskalign.sit.weights.SiTWeights;
import java.io.Closeable;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Makes pictures with a trained model. */
@Command(
        name = "sample",
        description = {
            "Makes pictures with a trained model and lays them out in a grid.",
            "Started by mpirun, srun or torchrun, the processes share the pictures."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign sample runs/quickstart --num 64",
            "  maskalign sample runs/imagenet-sit-b-2-reg --ema 0.999 --num 64",
            "  maskalign sample runs/imagenet-sit-b-2-maskalign --sampler sde --steps 250 --cfg 1.8 --interval 0,0.7",
            "  maskalign sample runs/imagenet-sit-xl-2-maskalign --num 50000 --sampler sde --steps 250 --cfg 2.3"
                    + " --interval 0,0.85 --vae sd-vae-ft-ema --folder samples --npz samples.npz",
            "  maskalign sample weights.safetensors --labels 0-7,3 --seed 7 --out samples.png",
            "  maskalign sample SiT-XL-2-256x256.pt --num 8 --cfg 4 --vae sd-vae-ft-ema --scale 1",
            "  maskalign sample reg-xl-2.pt --num 8 --cfg 2.3 --cls-cfg 2.3 --interval 0,0.85 --vae sd-vae-ft-ema"
        })
final class SampleCommand implements Callable<Integer>, UsesEngine {
    @Parameters(
            index = "0",
            paramLabel = "RUN|WEIGHTS",
            description = "Run folder, whose newest averaged weights are taken, or a file of weights of any project.",
            showDefaultValue = Visibility.NEVER)
    Path source = Path.of("");

    @Option(names = "--ema", paramLabel = "DECAY", description = "Which of the averages that the run keeps.")
    @Nullable
    Double ema;

    @Option(names = "--num", paramLabel = "N", description = "Number of pictures.")
    int count = 16;

    @Mixin
    SamplerOptions sampler = new SamplerOptions();

    @Option(names = "--scale", paramLabel = "N", description = "How many times a picture is enlarged in the grid.")
    int scale = 4;

    @Option(names = "--seed", paramLabel = "N", description = "Seed of the noise.")
    long seed;

    @Option(
            names = "--labels",
            paramLabel = "LIST",
            description = "Class labels such as 207,360,0-3, repeated as needed; drawn at random unless given.",
            converter = Labels.Converter.class)
    @Nullable
    Labels labels;

    @Mixin
    SampleTargets targets = new SampleTargets();

    @Option(names = "--balanced", description = "All classes in turn instead of labels at random.")
    boolean balanced;

    @Mixin
    AutoencoderOptions autoencoder = new AutoencoderOptions();

    @Option(
            names = "--pixels",
            paramLabel = "RULE",
            description = {
                "How values become bytes: ROUND (the nearest level) or TRUNCATE. Unless given, that of the run; for files",
                "ROUND where pixels are the latents, otherwise that of the weights' project: SiT and ReDi round, REPA, REG and",
                "their relatives truncate."
            })
    @Nullable
    PixelScaling pixels;

    @Option(names = "--decode-batch", paramLabel = "N", description = "Pictures decoded at a time.")
    int decodeBatch = 4;

    @Option(names = "--tile", paramLabel = "N", description = "Larger latents are decoded in tiles of this side.")
    int tile = 64;

    @Option(
            names = "--precision",
            paramLabel = "NAME",
            description = "One of: ${COMPLETION-CANDIDATES}; that of the run unless given, FLOAT32 for files.")
    @Nullable
    RunPrecision precision;

    @Option(names = "--batch", paramLabel = "N", description = "Pictures computed at a time.")
    int batch = 16;

    @Mixin
    ImportMixin known = new ImportMixin();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        CommandFailure.requireAtLeast(1, "--num", count);
        CommandFailure.requireAtLeast(1, "--batch", batch);
        CommandFailure.requireAtLeast(1, "--scale", scale);
        if (labels != null && balanced) {
            throw CommandFailure.badInput("give either --labels or --balanced, not both");
        }
        targets.check();
        batch = Math.min(batch, count);
        source = ema == null ? source : TrainedWeights.find(source, ema).weights();
        Launch launch = Launch.detect(System.getenv());
        Device device = RankedWork.device(launch);
        PrintWriter console = spec.commandLine().getOut();
        try (NDManager manager = NDManager.newBaseManager(device);
                OpenWeights file = known.open(source)) {
            SampleSource own = open(file);
            SampleSource chosen = own.withSampling(sampler.over(own.sampling(), own.model()));
            if (launch.rank() == 0) {
                tellOfGuidedChannels(chosen);
            }
            boolean ready = chosen.model().inChannels() == 3 && chosen.scaling() == null;
            if (targets.latents() == null && !ready && !autoencoder.isGiven()) {
                throw CommandFailure.badInput(source + ": the model makes latents, which need a decoder to become"
                        + " pictures: name it with --vae, or keep the latents with --latents FILE");
            }
            Path weights = file.file().path();
            try (Closeable products = chosen.precision().enter()) {
                Path written = RankedWork.run(launch, device, agreement -> draw(manager, chosen, weights, agreement));
                if (launch.rank() == 0) {
                    console.println(written);
                    console.flush();
                }
            }
        }
        return ExitCode.OK;
    }

    private SampleSource open(OpenWeights file) throws IOException {
        if (SampleSource.isRun(source)) {
            return SampleSource.of(TrainedWeights.find(source), file, precision);
        }
        SiTWeights weights = file.sit(known.options());
        weights.notes().forEach(note -> spec.commandLine().getErr().println("note: " + note));
        spec.commandLine().getErr().flush();
        return SampleSource.of(weights, source, precision, autoencoder.isGiven());
    }

    /** Says what a family's quirk does to the guidance, unless it was asked for. */
    private void tellOfGuidedChannels(SampleSource chosen) {
        int guided = chosen.sampling().legacyGuidedChannels();
        if (guided > 0 && sampler.guidedChannels == null && !SampleSource.isRun(source)) {
            PrintWriter err = spec.commandLine().getErr();
            err.println("note: guidance acts on the first " + guided + " of "
                    + chosen.model().inChannels() + " channels, as in the project's own sampler, which its published"
                    + " scores with guidance need; --guided-channels all guides every channel");
            err.flush();
        }
    }

    /** Draws this rank's share of the pictures; rank 0 writes all. */
    private Path draw(NDManager manager, SampleSource chosen, Path weights, Agreement agreement) throws IOException {
        Communicator ranks = agreement.ranks();
        SiTConfig model = chosen.model();
        long[] classes = Labels.choose(labels, balanced, seed, count, model.numClasses());
        if (targets.folder() != null) {
            return drawFolder(manager, chosen, weights, classes, agreement);
        }
        Share share = Share.of(count, ranks.size(), ranks.rank());
        RankedRows rows = new RankedRows(ranks, manager, count);
        int side = model.inputSize();
        int values = model.inChannels() * side * side;
        int most = Integer.MAX_VALUE / values / (ranks.size() == 1 ? 1 : Float.BYTES); // ranks exchange bytes
        if (count > most) {
            throw CommandFailure.badInput(
                    "--num must be at most " + most + " here but was " + count + "; --folder takes more");
        }
        Path latents = targets.latents();
        if (latents != null) {
            float[] mine = agreement.together(() -> draw(manager, chosen, classes, share));
            float[] x = rows.gather(mine, values);
            if (ranks.isRoot()) {
                Shape shape = new Shape(count, model.inChannels(), side, side);
                Map<String, TensorSource> tensors = Map.of(
                        "latents", TensorSource.of(shape, x), "labels", TensorSource.of(new Shape(count), classes));
                SafetensorsWriter.write(latents, StateDict.ofTensors(tensors), Map.of("seed", Long.toString(seed)));
            }
            return latents;
        }
        Path grid = targets.grid(chosen.folder(), seed);
        try (PictureDecoder decoder = agreement.together(() -> decoder(manager.getDevice(), chosen))) {
            int wide = decoder.side(model);
            requireSheet(wide);
            byte[] mine = agreement.together(() -> {
                float[] x = draw(manager, chosen, classes, share);
                return share.count() == 0 // more ranks than pictures
                        ? new byte[0]
                        : decoder.decode(manager, model, x, share.count()).pixels();
            });
            byte[] gathered = rows.gather(mine, 3 * wide * wide);
            if (ranks.isRoot()) {
                Pictures pictures = new Pictures(count, 3, wide, wide, gathered);
                SampleGrid fitting = SampleGrid.fitting(pictures);
                new SampleGrid(fitting.columns(), fitting.padding(), scale)
                        .draw(pictures)
                        .write(grid);
            }
        }
        return grid;
    }

    /** Refuses a grid that could not be drawn once all its pictures are there. */
    private void requireSheet(int side) {
        SampleGrid.problem(count, side, scale, Runtime.getRuntime().maxMemory()).ifPresent(problem -> {
            throw CommandFailure.badInput("--num " + count + " pictures of " + side + " pixels at --scale " + scale
                    + " " + problem + "; choose less of either, or --folder for single pictures");
        });
    }

    private float[] draw(NDManager manager, SampleSource chosen, long[] classes, Share share) throws IOException {
        long[] some = Arrays.copyOfRange(classes, (int) share.first(), (int) share.first() + share.count());
        LatentSampling sampling = new LatentSampling(chosen.model(), chosen.path(), chosen.sampling(), batch);
        VelocityField field = chosen.loader().load(manager);
        try (Progress progress = progress(share.count())) {
            int[] done = {0};
            return sampling.draw(manager, field, some, share.first(), seed, (step, of, t) -> {
                if (step == of) {
                    progress.step(++done[0], Double.NaN);
                }
            });
        }
    }

    /** Every picture depends on its number alone, so batches may be drawn in any order by any process. */
    private Path drawFolder(NDManager manager, SampleSource chosen, Path weights, long[] classes, Agreement agreement)
            throws IOException {
        Path target = Objects.requireNonNull(targets.folder());
        Communicator ranks = agreement.ranks();
        SiTConfig model = chosen.model();
        LatentSampling sampling = new LatentSampling(model, chosen.path(), chosen.sampling(), batch);
        VelocityField field = chosen.loader().load(manager);
        AtomicBoolean stopped = new AtomicBoolean(); // set by another thread
        SampleFolder opened;
        try (StopSignal signal = StopSignal.listen(() -> stopped.set(true));
                PictureDecoder decoder = agreement.together(() -> decoder(manager.getDevice(), chosen));
                Progress progress = progress(count)) {
            SampleFolder files = agreement.together(
                    () -> SampleFolder.open(target, count, settings(chosen, weights, decoder, classes)));
            opened = files;
            int together = Math.multiplyExact(batch, ranks.size());
            try (Closeable lock = agreement.together(() -> writing(files, ranks))) {
                // a word after each round: no rank gets so far ahead that it takes the others for stuck
                for (int round = 0; round < count && !agreement.any(stopped.get()); round += together) {
                    int first = round + batch * ranks.rank();
                    int last = Math.min(count, first + batch);
                    if (first < count && !files.has(first, last)) {
                        long[] some = Arrays.copyOfRange(classes, first, last);
                        float[] x = sampling.draw(manager, field, some, first, seed, SampleListener.NONE);
                        files.write(first, decoder.decode(manager, model, x, some.length));
                    }
                    progress.step((last + batch - 1) / batch, Double.NaN);
                }
            }
        }
        agreement.any(stopped.get()); // rank 0 may need the pictures of all, and a rank that failed says so here
        Path npz = targets.npz();
        if (npz != null && ranks.isRoot() && opened.has(0, count)) {
            opened.writeNpz(npz);
            return npz;
        }
        return target;
    }

    private static Closeable writing(SampleFolder files, Communicator ranks) throws IOException {
        return ranks.isRoot() ? files.clear() : () -> {};
    }

    /** What pictures depend on. A run's newest weights change while it trains, so files are told by their content. */
    private Map<String, String> settings(SampleSource chosen, Path weights, PictureDecoder decoder, long[] classes)
            throws IOException {
        Map<String, String> settings = new TreeMap<>();
        settings.put("count", Integer.toString(count));
        settings.put("source", source.toString());
        settings.put("weights", weights.getFileName().toString());
        settings.put("weights_sha256", Digests.sha256(weights));
        settings.put("read_as", known.options().toString());
        settings.put("seed", Long.toString(seed));
        int guided = chosen.sampling().legacyGuidedChannels();
        // the words of earlier versions, whose folders can so be gone on with
        settings.put("sampling", chosen.sampling().toString().replace(", legacyGuidedChannels=" + guided, ""));
        settings.put("guided_channels", guided == 0 ? "all" : "first " + guided);
        settings.put("pixels", decoder.pixels().name());
        settings.put("precision", chosen.precision().name());
        settings.put("labels_sha256", Digests.sha256(Arrays.toString(classes)));
        settings.put("decoder", autoencoder.toString());
        if (decoder.file().isPresent()) {
            settings.put("decoder_sha256", Digests.sha256(decoder.file().get()));
            settings.put("decoder_tile", Integer.toString(tile));
        }
        return settings;
    }

    private PictureDecoder decoder(Device device, SampleSource chosen) throws IOException {
        PixelScaling rule = pixels == null ? chosen.pixels() : pixels;
        PictureDecoder decoder = PictureDecoder.ofPixels(rule);
        if (autoencoder.isGiven()) {
            Autoencoder vae = autoencoder.open(device, Precision.FLOAT32);
            LatentScaling scaling = chosen.scaling() == null ? vae.scaling() : chosen.scaling();
            decoder = PictureDecoder.of(vae, scaling, rule, decodeBatch, tile);
        }
        try {
            decoder.requireFits(chosen.model());
            return decoder;
        } catch (IllegalArgumentException e) {
            decoder.close();
            throw e;
        }
    }

    private Progress progress(int pictures) {
        long batches = ((long) pictures + batch - 1) / batch;
        return TerminalBar.display().open(new Progress.Plan("sample", 0, batches, batch, 1));
    }
}
