package io.github.maskalign.sit.run.internal;

import ai.djl.Device;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.data.PictureSets;
import io.github.maskalign.core.data.PreparedSamples;
import io.github.maskalign.core.data.Preparer;
import io.github.maskalign.core.data.Preparer.PreparePlan;
import io.github.maskalign.core.data.internal.ChannelStatistics;
import io.github.maskalign.core.data.internal.PictureEncoder;
import io.github.maskalign.core.data.internal.PictureSet;
import io.github.maskalign.core.data.internal.PreparedStore;
import io.github.maskalign.core.data.internal.PreparedStore.SkippedPicture;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.distributed.Launch;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.files.internal.MessageText;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.encoders.Preprocessing;
import io.github.maskalign.encoders.published.NativeEncoder;
import io.github.maskalign.encoders.published.NativeEncoder.EncoderName;
import io.github.maskalign.encoders.vae.Autoencoder;
import io.github.maskalign.encoders.vae.PixelAutoencoder;
import io.github.maskalign.encoders.vit.Vit.VitParts;
import io.github.maskalign.sit.run.Progress;
import io.github.maskalign.sit.run.internal.SampleSettings.AutoencoderChoice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Crops and encodes a picture set into a prepared set; the same run again goes on where it stopped. */
public final class PrepareRun implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(PrepareRun.class);

    private final Path out;
    private final PreparedStore store;
    private final PictureSet pictures;
    private final PictureEncoder encoder;
    private final Preparer preparer;

    /**
     * What is computed of a picture.
     *
     * @param autoencoder what makes its latent
     * @param tokens what makes its tokens; null for none
     * @param features the few channels in which its tokens are kept; null keeps them as they are
     * @param precision arithmetic of both
     * @param storage how the numbers are kept
     */
    public record Encoding(
            AutoencoderChoice.Opening autoencoder,
            @Nullable TokenSource tokens,
            PreparedFeatures.@Nullable Choice features,
            Precision precision,
            Storage storage) {}

    /**
     * How numbers are stored, and whether pictures are.
     *
     * @param moments code of the latents
     * @param tokens code of the tokens
     * @param images whether cropped pictures are kept
     */
    public record Storage(FloatCode moments, FloatCode tokens, boolean images) {}

    /**
     * An encoder whose tokens are kept.
     *
     * @param name published encoder, or the preprocessing of a TorchScript file
     * @param file its weights
     * @param torchScript whether the file is TorchScript
     * @param heads attention heads; 0 for those of the published size
     * @param grid tokens along a side
     * @param blocks of how many of its last blocks the tokens are joined
     * @param pin what the user says of the file
     */
    public record TokenSource(
            String name, Path file, boolean torchScript, int heads, int grid, int blocks, ScriptPin pin) {
        private RepresentationEncoder open(int side, Precision precision, Device device) throws IOException {
            if (torchScript) {
                Preprocessing usual = Preprocessing.named(name);
                Preprocessing fitting = usual.withSides(side, side / grid, usual.patchSize(), usual.patchSize());
                return Encoders.open(file, fitting, pin.trust(file), device);
            }
            pin.check(file);
            NativeEncoder.Options options = new NativeEncoder.Options(
                    EncoderName.parse(name), heads, VitParts.Positions.ANTIALIAS, side, grid, precision);
            return NativeEncoder.open(file, options, device);
        }
    }

    private PrepareRun(Path out, PreparedStore store, PictureSet pictures, PictureEncoder encoder, Preparer preparer) {
        this.store = store;
        this.out = out;
        this.pictures = pictures;
        this.encoder = encoder;
        this.preparer = preparer;
    }

    /**
     * Opens pictures and networks.
     *
     * @param source folder or archive of labelled pictures
     * @param out folder of the prepared set
     */
    public static PrepareRun open(
            Path source, Path out, PreparedStore store, PreparePlan plan, Encoding encoding, Device device)
            throws IOException {
        PictureSet pictures = PictureSets.open(source);
        PictureEncoder encoder = null;
        try {
            encoder = open(encoding, new PreparedFeatures(pictures, out, plan), device);
            return new PrepareRun(out, store, pictures, encoder, new Preparer(pictures, encoder, plan, store));
        } catch (IOException | RuntimeException e) {
            if (encoder != null) {
                encoder.close();
            }
            pictures.close();
            throw e;
        }
    }

    private static PictureEncoder open(Encoding encoding, PreparedFeatures reduced, Device device) throws IOException {
        int side = reduced.plan().side();
        Map<String, String> settings = new TreeMap<>();
        settings.put("precision", encoding.precision.name());
        Autoencoder vae = encoding.autoencoder.open(device, encoding.precision);
        RepresentationEncoder tokens = null;
        try {
            settings.put("vae_sha256", vae instanceof PixelAutoencoder ? "none" : Digests.sha256(vae.file()));
            TokenSource source = encoding.tokens;
            if (source != null) {
                if (source.grid < 1 || side % source.grid != 0) {
                    throw new IllegalArgumentException("--grid must divide --size " + side + " but was " + source.grid);
                }
                settings.put("encoder", source.name);
                settings.put("encoder_grid", Integer.toString(source.grid));
                settings.put("encoder_sha256", Digests.sha256(source.file));
                tokens = source.open(side, encoding.precision, device);
                int last = tokens.width();
                if (source.blocks > 1) {
                    settings.put("encoder_blocks", Integer.toString(source.blocks));
                    tokens = joined(tokens, source.blocks);
                }
                if (encoding.features != null) {
                    tokens = reduced.over(tokens, last, encoding.features, settings, device);
                }
            }
            return new AutoencoderPictures(vae, tokens, device, side, encoding.storage, settings);
        } catch (IOException | RuntimeException e) {
            vae.close();
            if (tokens != null) {
                tokens.close();
            }
            throw e;
        }
    }

    private static RepresentationEncoder joined(RepresentationEncoder encoder, int blocks) {
        try {
            return encoder.joined(blocks);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("--encoder-blocks: " + e.getMessage(), e);
        }
    }

    /** Asks {@link #run} to end early; may be called from any thread. */
    public void requestStop() {
        preparer.requestStop();
    }

    /** Does one process's share of the work, and tells whether it was not asked to stop before the end. */
    public boolean run(Launch launch, Progress.Display display) throws IOException {
        int total = pictures.size();
        Progress.Plan plan =
                new Progress.Plan("prepare", 0, Math.max(1, total / launch.size()), 1, Math.max(1, total / 50));
        try (Progress progress = display.open(plan)) {
            return preparer.run(launch.rank(), launch.size(), (done, computed, all) -> progress.step(done, Double.NaN));
        }
    }

    /** Writes the index and {@code skipped.tsv} once all is done, and returns a sentence about it. */
    public String finish() throws IOException {
        if (!preparer.isComplete()) {
            return out + ": this process is done; the last one writes the index";
        }
        List<SkippedPicture> skipped = preparer.finish();
        StringBuilder table = new StringBuilder("index\tname\treason\n");
        for (SkippedPicture picture : skipped) {
            table.append(picture.index()).append('\t').append(MessageText.visible(picture.name()));
            table.append('\t');
            table.append(picture.reason().replaceAll("\\s+", " ")).append('\n');
        }
        AtomicFile.write(out.resolve("skipped.tsv"), table.toString());
        measure();
        return out + ": " + (pictures.size() - skipped.size()) + " of " + pictures.size() + " pictures in "
                + pictures.classes().size() + " classes: " + counts(skipped).text()
                + (skipped.isEmpty() ? "" : "; " + skipped.size() + " cannot be read, see skipped.tsv");
    }

    /** Writes the latents' statistics by channel, which a config uses as {@code data.statistics: prepared}. */
    private void measure() throws IOException {
        Path file = out.resolve(ChannelStatistics.FILE);
        try (PreparedSamples set = store.open()) {
            ChannelStatistics.of(set, done -> {}).write(file);
        } catch (IllegalArgumentException e) { // such as one colour in all pictures
            Files.deleteIfExists(file);
            LOG.warn("{} is not written: {}", file, e.getMessage());
        }
    }

    /** The classes, each with the number of its pictures. */
    private ClassNames counts(List<SkippedPicture> skipped) {
        int[] counts = new int[pictures.classes().size()];
        for (int i = 0; i < pictures.size(); i++) {
            counts[pictures.picture(i).label()]++;
        }
        skipped.forEach(picture -> counts[pictures.picture(picture.index()).label()]--);
        return new ClassNames(IntStream.range(0, counts.length)
                .mapToObj(label -> pictures.classes().get(label) + " " + counts[label])
                .toList());
    }

    @Override
    public void close() throws IOException {
        encoder.close();
        pictures.close();
    }
}
