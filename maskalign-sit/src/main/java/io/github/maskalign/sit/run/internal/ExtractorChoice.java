package io.github.maskalign.sit.run.internal;

import ai.djl.Device;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.evaluate.FeatureExtractor;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.script.ScriptTrust;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.encoders.Preprocessing;
import io.github.maskalign.encoders.inception.InceptionExtractor;
import io.github.maskalign.encoders.inception.InceptionExtractor.InceptionSuite;
import io.github.maskalign.encoders.inception.ScriptedExtractor;
import io.github.maskalign.encoders.published.NativeEncoder;
import io.github.maskalign.encoders.published.NativeEncoder.EncoderName;
import io.github.maskalign.encoders.vit.Vit.VitParts;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Whose features are compared, as the options say it.
 *
 * @param inception file of the Inception network; null for an encoder
 * @param suite resize of the Inception network
 * @param encoder {@code embedded}, {@code judge}, or the file of an encoder; null for Inception
 * @param encoderModel which published encoder the file holds; null if it is a TorchScript file
 * @param preprocessing how a TorchScript encoder wants its pictures
 * @param pin what is said of the file: its hash, or that it may run
 * @param heads attention heads of a published encoder; 0 for those of the published model
 * @param positions how the position table of a published encoder is resampled
 */
public record ExtractorChoice(
        @Nullable Path inception,
        InceptionSuite suite,
        @Nullable String encoder,
        @Nullable String encoderModel,
        String preprocessing,
        ScriptPin pin,
        int heads,
        VitParts.Positions positions) {
    private static final int GRID = 16;

    /** An encoder that comes with the library, by its name in options. */
    private enum Embedded {
        EMBEDDED("embedded teacher", 32),
        JUDGE("judge", 64);

        private final String space;
        private final int side;

        Embedded(String space, int side) {
            this.space = space;
            this.side = side;
        }

        static @Nullable Embedded of(@Nullable String name) {
            for (Embedded embedded : values()) {
                if (embedded.name().equalsIgnoreCase(name)) {
                    return embedded;
                }
            }
            return null;
        }

        FeatureExtractor open(int pictureSide, Device device) throws IOException {
            String made = this == JUDGE ? Encoders.judgeProvenance() : Encoders.embeddedProvenance();
            String own = "encoder/" + name().toLowerCase(Locale.ROOT) + "/"
                    + Digests.sha256(made.getBytes(StandardCharsets.UTF_8));
            boolean resizes = pictureSide > 0 && pictureSide != side;
            int seen = resizes ? pictureSide : side;
            return new EncoderExtractor(
                    this == JUDGE ? Encoders.embeddedJudge(seen, device) : Encoders.embeddedTeacher(64, seen, device),
                    space,
                    resizes ? own + "/resized" : own);
        }
    }

    /** A choice with the published number of heads and REPA's positions. */
    public ExtractorChoice(
            @Nullable Path inception,
            InceptionSuite suite,
            @Nullable String encoder,
            @Nullable String encoderModel,
            String preprocessing,
            ScriptPin pin) {
        this(inception, suite, encoder, encoderModel, preprocessing, pin, 0, VitParts.Positions.ANTIALIAS);
    }

    /** @throws IllegalArgumentException if both or none are given */
    public ExtractorChoice {
        if ((inception == null) == (encoder == null)) {
            throw new IllegalArgumentException(
                    inception == null
                            ? "whose features? give --inception FILE for FID, or --encoder for distances that are not FID"
                            : "give either --inception or --encoder, not both");
        }
        if (Embedded.of(encoder) != null && (pin.sha256() != null || encoderModel != null)) {
            throw new IllegalArgumentException("--sha256 and --encoder-model tell of a file, which --encoder "
                    + String.valueOf(encoder).toLowerCase(Locale.ROOT) + " has not; leave them out");
        }
    }

    /**
     * Opens the network.
     *
     * @param pictureSide side of the pictures in pixels
     */
    public FeatureExtractor open(Device device, int pictureSide) throws IOException {
        if (inception != null) {
            return inception(inception, device);
        }
        String name = encoder == null ? "" : encoder;
        Embedded embedded = Embedded.of(name);
        if (embedded != null) {
            return embedded.open(pictureSide, device);
        }
        Path file = Path.of(name);
        ScriptTrust trust = encoderModel == null ? pin.trust(file) : null;
        pin.check(file);
        String usual = heads == 0 && positions == VitParts.Positions.ANTIALIAS ? "" : "/" + heads + "/" + positions;
        String identity =
                "encoder/" + (encoderModel == null ? preprocessing : encoderModel) + usual + "/" + Digests.sha256(file);
        RepresentationEncoder opened = trust != null
                ? Encoders.open(file, fitting(pictureSide), trust, device)
                : published(file, String.valueOf(encoderModel), pictureSide, device);
        return new EncoderExtractor(opened, spaceName(), identity);
    }

    /** What the features of an encoder are called in results; not asked for Inception, which has a name. */
    String spaceName() {
        Embedded embedded = Embedded.of(encoder);
        if (embedded != null) {
            return embedded.space;
        }
        Path file = Path.of(String.valueOf(encoder));
        return encoderModel == null ? "encoder " + file.getFileName() : encoderModel + " (" + file.getFileName() + ")";
    }

    /** The preprocessing as it is where it takes pictures of this side; otherwise they are resized to its usual input. */
    private Preprocessing fitting(int pictureSide) {
        Preprocessing usual = Preprocessing.named(preprocessing);
        return pictureSide % usual.sideUnit() == 0
                ? usual
                : usual.withSides(pictureSide, pictureSide, usual.sideFor(usual.usualSide()), usual.patchSize());
    }

    /** Whether a file of the Inception network is run as TorchScript. */
    public static boolean isScript(Path inception) {
        return inception.toString().endsWith(".pt");
    }

    private FeatureExtractor inception(Path file, Device device) throws IOException {
        if (isScript(file)) { // which resizes by itself
            return ScriptedExtractor.open(device, file, pin.trust(file), true);
        }
        pin.check(file);
        return InceptionExtractor.open(device, file, suite);
    }

    private RepresentationEncoder published(Path file, String model, int pictureSide, Device device)
            throws IOException {
        NativeEncoder.Options options = new NativeEncoder.Options(
                EncoderName.parse(model), heads, positions, pictureSide, GRID, Precision.FLOAT32);
        return NativeEncoder.open(file, options, device);
    }
}
