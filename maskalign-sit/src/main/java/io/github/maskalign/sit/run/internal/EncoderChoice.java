package io.github.maskalign.sit.run.internal;

import ai.djl.Device;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.encoders.Preprocessing;
import io.github.maskalign.encoders.published.NativeEncoder;
import io.github.maskalign.encoders.published.NativeEncoder.EncoderName;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunConfig.EncoderSection;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Opens the encoder of a config and checks that it fits the model: one token for each of the model's patches. */
public final class EncoderChoice {
    private static final int TEACHER_WIDTH = 128;

    private EncoderChoice() {}

    /**
     * Opens an encoder; null if the run needs none.
     *
     * @param pictureSide side of the training pictures in pixels
     */
    public static @Nullable RepresentationEncoder open(
            RunConfig config, SiTConfig model, int pictureSide, Device device) throws IOException {
        EncoderSection section = config.encoder();
        RepresentationEncoder encoder = switch (section.kind()) {
            case NONE, CACHED -> null;
            case EMBEDDED -> {
                requireFits(config, model, pictureSide);
                yield Encoders.embeddedTeacher(model.tokens(), pictureSide, device);
            }
            case TORCHSCRIPT -> torchScript(section, grid(config, model, pictureSide), pictureSide, device);
            case NATIVE -> published(config, grid(config, model, pictureSide), pictureSide, device);
        };
        if (encoder != null) {
            try {
                check(encoder, config);
            } catch (IllegalArgumentException e) {
                encoder.close();
                throw e;
            }
        }
        return encoder;
    }

    private static RepresentationEncoder torchScript(EncoderSection section, int grid, int pictureSide, Device device)
            throws IOException {
        Preprocessing usual = Preprocessing.named(section.preprocessing());
        Preprocessing fitting = usual.withSides(pictureSide, pictureSide / grid, usual.patchSize(), usual.patchSize());
        Path file = section.path().orElseThrow();
        return Encoders.open(file, fitting, ScriptPin.of(section).trust(file), device);
    }

    private static RepresentationEncoder published(RunConfig config, int grid, int pictureSide, Device device)
            throws IOException {
        EncoderSection section = config.encoder();
        Path file = section.path().orElseThrow();
        ScriptPin.of(section).check(file);
        NativeEncoder.Options options = new NativeEncoder.Options(
                EncoderName.parse(section.model()),
                section.heads(),
                section.positions(),
                pictureSide,
                grid,
                config.runtime().precision().ofBlocks());
        return NativeEncoder.open(file, options, device);
    }

    private static int grid(RunConfig config, SiTConfig model, int pictureSide) {
        requireFits(config, model, pictureSide);
        return model.grid();
    }

    /**
     * Checks that pictures of this side give one token for each patch of the model, without opening the encoder.
     *
     * @throws IllegalArgumentException if they do not; names the keys
     */
    static void requireFits(RunConfig config, SiTConfig model, int pictureSide) {
        EncoderSection.Kind kind = config.encoder().kind();
        if (kind == EncoderSection.Kind.NONE || kind == EncoderSection.Kind.CACHED) {
            return;
        }
        if (pictureSide == 0) {
            throw new IllegalArgumentException("encoder.kind " + kind + " looks at pictures, which data.path "
                    + config.data().path().orElseThrow() + " does not hold: prepare it with --images");
        }
        int grid = model.grid();
        String given = "model.inputSize " + model.model().inputSize() + " with model.patchSize "
                + model.model().patchSize() + " makes " + grid + " x " + grid + " tokens";
        if (kind == EncoderSection.Kind.EMBEDDED) {
            if (grid != 8 && grid != 16) {
                throw new IllegalArgumentException(given + ", but encoder.kind EMBEDDED gives 8 x 8 or 16 x 16: choose"
                        + " model.patchSize so that inputSize / patchSize is 8 or 16, or another encoder");
            }
            if (config.encoder().width() != TEACHER_WIDTH) {
                throw new IllegalArgumentException(
                        "encoder.width must be " + TEACHER_WIDTH + " for encoder.kind EMBEDDED but was "
                                + config.encoder().width());
            }
        } else if (pictureSide % grid != 0) {
            throw new IllegalArgumentException(given + ", into which pictures of " + pictureSide
                    + " pixels cannot be cut for encoder.kind " + kind);
        }
    }

    private static void check(RepresentationEncoder encoder, RunConfig config) {
        if (encoder.width() != config.encoder().width()) {
            throw new IllegalArgumentException("encoder.width must be " + encoder.width() + " for this encoder but was "
                    + config.encoder().width());
        }
        if (config.cls().enabled() && !encoder.hasClassToken()) {
            throw new IllegalArgumentException("cls.enabled must be false for this encoder, which has no class token");
        }
    }
}
