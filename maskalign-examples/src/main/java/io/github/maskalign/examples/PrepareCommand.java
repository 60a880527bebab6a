package io.github.maskalign.examples;

import ai.djl.Device;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.data.PictureSets;
import io.github.maskalign.core.data.PreparePlan;
import io.github.maskalign.core.data.Preparer;
import io.github.maskalign.core.data.internal.FloatCode;
import io.github.maskalign.core.data.internal.PictureEncoder;
import io.github.maskalign.core.data.internal.PictureSet;
import io.github.maskalign.core.data.internal.PreparedStore;
import io.github.maskalign.core.data.internal.RepaFolders;
import io.github.maskalign.core.data.internal.SkippedPicture;
import io.github.maskalign.core.distributed.Launch;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.files.internal.MessageText;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.encoders.Preprocessing;
import io.github.maskalign.encoders.published.EncoderName;
import io.github.maskalign.encoders.published.NativeEncoder;
import io.github.maskalign.encoders.vae.Autoencoder;
import io.github.maskalign.encoders.vit.VitParts;
import io.github.maskalign.examples.prepare.AutoencoderPictures;
import io.github.maskalign.sit.run.Progress;
import io.github.maskalign.sit.run.internal.ScriptPin;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Makes latents of a picture set. */
@Command(
        name = "prepare",
        description = {
            "Crops and encodes a picture set into shards of latents, with pictures and encoder tokens if asked for.",
            "The source may be folders, a zip, a tar of tars (ILSVRC2012), WebDataset or REPA's folder of pictures.",
            "The same command goes on where it stopped; under mpirun, srun or torchrun the processes share the work."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign prepare ILSVRC2012_img_train.tar --out data/imagenet256 --vae sd-vae-ft-mse --images",
            "  maskalign prepare train/ --out data/imagenet256 --vae sd-vae-ft-mse --encoder dinov2-vit-b"
                    + " --encoder-file dinov2_vitb14_pretrain.pth",
            "  maskalign prepare train/ --layout REPA --out data/repa --vae sd-vae-ft-mse"
        })
final class PrepareCommand implements Callable<Integer>, UsesEngine {
    /** Side of the largest picture that is read. */
    private static final int LARGEST = 8192;

    /** How latents are stored. */
    enum Latents {
        /** 16 bits. */
        F16,
        /** 32 bits. */
        F32
    }

    /** How encoder tokens are stored. */
    enum Features {
        /** 16 bits. */
        F16,
        /** 8 bits and a scale for each token. */
        INT8
    }

    /** How files are laid out. */
    enum Layout {
        /** Few large files with an index. */
        SHARDS,
        /** REPA's two folders, for its trainer. */
        REPA
    }

    @Parameters(
            paramLabel = "SOURCE",
            description = "Folder or archive of labelled pictures.",
            showDefaultValue = Visibility.NEVER)
    Path source = Path.of("");

    @Option(
            names = "--out",
            required = true,
            paramLabel = "DIR",
            description = "Folder of the prepared set.",
            showDefaultValue = Visibility.NEVER)
    Path out = Path.of("");

    @Mixin
    AutoencoderOptions autoencoder = new AutoencoderOptions();

    @Option(
            names = "--layout",
            description = {
                "One of: ${COMPLETION-CANDIDATES}. REPA writes what its preprocessing writes: float32 latents",
                "and pictures, two files for each."
            })
    Layout layout = Layout.SHARDS;

    @Option(
            names = "--images-folder",
            paramLabel = "NAME",
            description = "With REPA's layout: the folder of pictures; REG's trainer reads imagenet_256_vae.")
    String imagesFolder = RepaFolders.IMAGES;

    @Option(names = "--latents-folder", paramLabel = "NAME", description = "With REPA's layout: the folder of latents.")
    String latentsFolder = RepaFolders.LATENTS;

    @Option(names = "--size", paramLabel = "PIXELS", description = "Side of the crop.")
    int size = 256;

    @Option(names = "--latents", description = "One of: ${COMPLETION-CANDIDATES}.")
    Latents latents = Latents.F16;

    @Option(names = "--images", description = "Keep the cropped pictures, for an encoder in the training loop.")
    boolean images;

    @Option(
            names = "--encoder",
            paramLabel = "NAME",
            description = "Keep the tokens of this encoder, such as dinov2-vit-b; training then needs no encoder.")
    @Nullable
    String encoder;

    @Option(
            names = "--encoder-file",
            paramLabel = "FILE",
            description = "Its published weights, or a TorchScript file.")
    @Nullable
    Path encoderFile;

    @Option(
            names = "--encoder-torchscript",
            description = "The file is TorchScript, and NAME its preprocessing: dinov2, clip or imagenet.")
    boolean encoderIsTorchScript;

    @Option(
            names = "--encoder-sha256",
            paramLabel = "HEX",
            description = "Hash that the encoder's file must have. TorchScript is a program and needs it, or --trust.")
    @Nullable
    String encoderSha256;

    @Option(
            names = "--encoder-heads",
            paramLabel = "N",
            description = "Attention heads, where the size is no published one.")
    int encoderHeads = 0;

    @Option(
            names = "--grid",
            paramLabel = "N",
            description = "Tokens along a side; a sixteenth of the size unless given.")
    int grid = 0;

    @Option(names = "--features", description = "How tokens are kept. One of: ${COMPLETION-CANDIDATES}.")
    Features features = Features.F16;

    @Option(names = "--shard", paramLabel = "N", description = "Pictures in each file; lost work after a kill.")
    int shard = 1024;

    @Option(names = "--batch", paramLabel = "N", description = "Pictures encoded at a time.")
    int batch = 8;

    @Option(
            names = "--threads",
            paramLabel = "N",
            description = "Threads that decode and crop; all cores unless given.")
    int threads = Runtime.getRuntime().availableProcessors();

    @Option(names = "--precision", description = "One of: ${COMPLETION-CANDIDATES}.")
    Precision precision = Precision.FLOAT32;

    @Option(names = "--device", paramLabel = "NAME", description = "cpu or gpu.")
    String device = "cpu";

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        if (size < 1 || size > LARGEST) {
            throw CommandFailure.badInput("--size must be in [1, " + LARGEST + "] but was " + size);
        }
        boolean encoderIsTold =
                encoderFile != null || encoderIsTorchScript || encoderSha256 != null || encoderHeads != 0 || grid != 0;
        if (encoder == null && encoderIsTold) {
            throw CommandFailure.badInput("--encoder-file, --encoder-torchscript, --encoder-sha256, --encoder-heads and"
                    + " --grid go with --encoder");
        }
        Launch launch = Launch.detect(System.getenv());
        Device where = FeatureOptions.device(device, launch.localRank());
        PrintWriter console = spec.commandLine().getOut();
        try (PictureSet pictures = PictureSets.open(source);
                PictureEncoder computing = open(where)) {
            PreparePlan plan = new PreparePlan(size, shard, batch, threads);
            Preparer preparer = new Preparer(pictures, computing, plan, store());
            try (StopSignal signal = StopSignal.listen(preparer::requestStop)) {
                if (!work(preparer, launch, pictures.size())) {
                    return ExitCode.FAILED; // the signal decides the exit code
                }
            }
            if (preparer.isComplete()) {
                report(preparer.finish(), pictures, console);
            } else {
                console.println(out + ": this process is done; the last one writes the index");
            }
            console.flush();
        }
        return ExitCode.OK;
    }

    private PreparedStore store() {
        return layout == Layout.SHARDS
                ? PreparedStore.shards(out)
                : PreparedStore.repa(new RepaFolders(out, imagesFolder, latentsFolder));
    }

    private boolean work(Preparer preparer, Launch launch, int total) throws IOException {
        Progress.Plan plan =
                new Progress.Plan("prepare", 0, Math.max(1, total / launch.size()), 1, Math.max(1, total / 50));
        try (Progress progress = TerminalBar.display().open(plan)) {
            return preparer.run(launch.rank(), launch.size(), (done, computed, all) -> progress.step(done, Double.NaN));
        }
    }

    private void report(List<SkippedPicture> skipped, PictureSet pictures, PrintWriter console) throws IOException {
        StringBuilder table = new StringBuilder("index\tname\treason\n");
        for (SkippedPicture picture : skipped) {
            table.append(picture.index()).append('\t').append(MessageText.visible(picture.name()));
            table.append('\t');
            table.append(picture.reason().replaceAll("\\s+", " ")).append('\n');
        }
        AtomicFile.write(out.resolve("skipped.tsv"), table.toString());
        console.println(out + ": " + (pictures.size() - skipped.size()) + " of " + pictures.size() + " pictures in "
                + pictures.classes().size() + " classes"
                + (skipped.isEmpty() ? "" : "; " + skipped.size() + " cannot be read, see skipped.tsv"));
    }

    private PictureEncoder open(Device where) throws IOException {
        Map<String, String> settings = new TreeMap<>();
        settings.put("precision", precision.name());
        Autoencoder vae = autoencoder.open(where, precision);
        RepresentationEncoder tokens = null;
        try {
            settings.put("vae_sha256", vae.sha256());
            tokens = openEncoder(where, settings);
            AutoencoderPictures.Storage storage = new AutoencoderPictures.Storage(
                    latents == Latents.F16 && layout == Layout.SHARDS ? FloatCode.FLOAT16 : FloatCode.FLOAT32,
                    features == Features.F16 ? FloatCode.FLOAT16 : FloatCode.INT8_PER_ROW,
                    images || layout == Layout.REPA);
            return new AutoencoderPictures(vae, tokens, where, size, storage, settings);
        } catch (IOException | RuntimeException e) {
            vae.close();
            if (tokens != null) {
                tokens.close();
            }
            throw e;
        }
    }

    private @Nullable RepresentationEncoder openEncoder(Device where, Map<String, String> settings) throws IOException {
        if (encoder == null) {
            return null;
        }
        if (encoderFile == null) {
            throw CommandFailure.badInput("--encoder needs --encoder-file");
        }
        int tokens = grid == 0 ? size / 16 : grid;
        if (tokens < 1 || size % tokens != 0) {
            throw CommandFailure.badInput("--grid must divide --size " + size + " but was " + tokens);
        }
        settings.put("encoder", encoder);
        settings.put("encoder_grid", Integer.toString(tokens));
        settings.put("encoder_sha256", Digests.sha256(encoderFile));
        ScriptPin pin = new ScriptPin(encoderSha256, autoencoder.trust, "--encoder-sha256 ", "--trust");
        if (encoderIsTorchScript) {
            Preprocessing usual = Preprocessing.named(encoder);
            Preprocessing fitting = usual.withSides(size, size / tokens, usual.patchSize(), usual.patchSize());
            return Encoders.open(encoderFile, fitting, pin.trust(encoderFile), where);
        }
        pin.check(encoderFile);
        NativeEncoder.Options options = new NativeEncoder.Options(
                EncoderName.parse(encoder), encoderHeads, VitParts.Positions.ANTIALIAS, size, tokens, precision);
        return NativeEncoder.open(encoderFile, options, where);
    }
}
