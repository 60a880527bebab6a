package io.github.maskalign.sit.run.internal;

import ai.djl.Device;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.encoders.Preprocessing;
import io.github.maskalign.encoders.published.EncoderName;
import io.github.maskalign.encoders.published.NativeEncoder;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.run.RunConfig;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Opens the encoder of a config and checks that it fits the model: one token for each of the model's patches. */
final class EncoderChoice {
    private EncoderChoice() {}

    /**
     * Opens an encoder; null if the run needs none.
     *
     * @param pictureSide side of the training pictures in pixels
     */
    static @Nullable RepresentationEncoder open(RunConfig config, SiTConfig model, int pictureSide, Device device)
            throws IOException {
        EncoderSection section = config.encoder();
        RepresentationEncoder encoder = switch (section.kind()) {
            case NONE, CACHED -> null;
            case EMBEDDED ->
                config.data().embedded()
                        ? Encoders.embeddedTeacherOf(pictureSide, device)
                        : Encoders.embeddedTeacher(model.tokens(), device);
            case TORCHSCRIPT -> torchScript(section, grid(model, pictureSide), pictureSide, device);
            case NATIVE -> published(config, grid(model, pictureSide), pictureSide, device);
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
        return Encoders.open(file, fitting, section.pin().trust(file), device);
    }

    private static RepresentationEncoder published(RunConfig config, int grid, int pictureSide, Device device)
            throws IOException {
        EncoderSection section = config.encoder();
        Path file = section.path().orElseThrow();
        section.pin().check(file);
        NativeEncoder.Options options = new NativeEncoder.Options(
                EncoderName.parse(section.model()),
                section.heads(),
                section.positions(),
                pictureSide,
                grid,
                config.runtime().precision().ofBlocks());
        return NativeEncoder.open(file, options, device);
    }

    private static int grid(SiTConfig model, int pictureSide) {
        int grid = model.grid();
        if (pictureSide % grid != 0) {
            throw new IllegalArgumentException("pictures of " + pictureSide + " pixels cannot be cut into the model's "
                    + grid + " x " + grid + " tokens");
        }
        return grid;
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
