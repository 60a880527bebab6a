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
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Opens the encoder of a config and checks that it fits the model: one token for each of the model's patches. */
public final class EncoderChoice {
    private static final int TEACHER_WIDTH = 128;
    private static final int TEACHER_BLOCKS = 6;

    private EncoderChoice() {}

    /**
     * Opens the encoders; none if the run needs none or its data bring the tokens.
     *
     * @param pictureSide side of the training pictures in pixels
     */
    public static List<RepresentationEncoder> open(RunConfig config, SiTConfig model, int pictureSide, Device device)
            throws IOException {
        List<RepresentationEncoder> opened = new ArrayList<>();
        try {
            for (int i = 0; i < config.encoders().size(); i++) {
                RepresentationEncoder encoder = open(config, i, model, pictureSide, device);
                if (encoder != null) {
                    opened.add(encoder);
                }
            }
        } catch (IOException | RuntimeException e) {
            opened.forEach(RepresentationEncoder::close);
            throw e;
        }
        return opened;
    }

    /** Returns what messages call an encoder. */
    static String name(int index) {
        return index == 0 ? "encoder" : "moreEncoders[" + (index - 1) + "]";
    }

    /** Opens the first encoder of a config; null if it has none, or its tokens come with the data. */
    public static @Nullable RepresentationEncoder first(
            RunConfig config, SiTConfig model, int pictureSide, Device device) throws IOException {
        return open(config, 0, model, pictureSide, device);
    }

    private static @Nullable RepresentationEncoder open(
            RunConfig config, int index, SiTConfig model, int pictureSide, Device device) throws IOException {
        EncoderSection section = config.encoders().get(index);
        requireFits(section, name(index), config, model, pictureSide);
        int grid = model.grid();
        RepresentationEncoder encoder = switch (section.kind()) {
            case NONE, CACHED -> null;
            case EMBEDDED -> {
                yield Encoders.embeddedTeacher(model.tokens(), pictureSide, device);
            }
            case TORCHSCRIPT -> torchScript(section, name(index), grid, pictureSide, device);
            case NATIVE -> published(config, index, grid, pictureSide, device);
        };
        if (encoder == null) {
            return null;
        }
        try {
            check(encoder, index, config);
            return index == 0 ? joined(encoder, config) : encoder;
        } catch (IllegalArgumentException e) {
            encoder.close();
            throw e;
        }
    }

    private static RepresentationEncoder torchScript(
            EncoderSection section, String name, int grid, int pictureSide, Device device) throws IOException {
        Preprocessing usual = Preprocessing.named(section.preprocessing());
        Preprocessing fitting = usual.withSides(pictureSide, pictureSide / grid, usual.patchSize(), usual.patchSize());
        Path file = section.path().orElseThrow();
        return Encoders.open(file, fitting, ScriptPin.of(section, name).trust(file), device);
    }

    private static RepresentationEncoder published(
            RunConfig config, int index, int grid, int pictureSide, Device device) throws IOException {
        EncoderSection section = config.encoders().get(index);
        Path file = section.path().orElseThrow();
        ScriptPin.of(section, name(index)).check(file);
        NativeEncoder.Options options = new NativeEncoder.Options(
                EncoderName.parse(section.model()),
                section.heads(),
                section.positions(),
                pictureSide,
                grid,
                config.runtime().precision().ofBlocks());
        return NativeEncoder.open(file, options, device);
    }

    /**
     * Checks that pictures of this side give one token for each patch of the model, without opening the encoders.
     *
     * @throws IllegalArgumentException if they do not; names the keys
     */
    public static void requireFits(RunConfig config, SiTConfig model, int pictureSide) {
        requireBlocks(config.encoder().kind(), RunPlan.lastBlocks(config));
        for (int i = 0; i < config.encoders().size(); i++) {
            requireFits(config.encoders().get(i), name(i), config, model, pictureSide);
        }
    }

    /** Checks that the first encoder hands out the tokens of so many blocks. */
    private static void requireBlocks(EncoderSection.Kind kind, int blocks) {
        boolean embedded = kind == EncoderSection.Kind.EMBEDDED;
        int most = embedded ? TEACHER_BLOCKS : 1;
        if ((embedded || kind == EncoderSection.Kind.TORCHSCRIPT) && blocks > most) {
            throw new IllegalArgumentException("terms.features.lastBlocks must be at most " + most
                    + " with encoder.kind " + kind + " but was " + blocks
                    + (embedded ? "" : ": published weights with encoder.kind NATIVE hand out earlier blocks"));
        }
    }

    private static void requireFits(
            EncoderSection section, String name, RunConfig config, SiTConfig model, int pictureSide) {
        EncoderSection.Kind kind = section.kind();
        if (kind == EncoderSection.Kind.NONE || kind == EncoderSection.Kind.CACHED) {
            return;
        }
        if (pictureSide == 0) {
            throw new IllegalArgumentException(name + ".kind " + kind + " looks at pictures, which data.path "
                    + config.data().path().orElseThrow() + " does not hold: prepare it with --images");
        }
        int grid = model.grid();
        String given = "model.inputSize " + model.model().inputSize() + " with model.patchSize "
                + model.model().patchSize() + " makes " + grid + " x " + grid + " tokens";
        if (kind == EncoderSection.Kind.EMBEDDED) {
            if (grid != 8 && grid != 16) {
                throw new IllegalArgumentException(
                        given + ", but " + name + ".kind EMBEDDED gives 8 x 8 or 16 x 16: choose"
                                + " model.patchSize so that inputSize / patchSize is 8 or 16, or another encoder");
            }
            if (section.width() != TEACHER_WIDTH) {
                throw new IllegalArgumentException(name + ".width must be " + TEACHER_WIDTH + " for " + name
                        + ".kind EMBEDDED but was " + section.width());
            }
        } else if (pictureSide % grid != 0) {
            throw new IllegalArgumentException(given + ", into which pictures of " + pictureSide
                    + " pixels cannot be cut for " + name + ".kind " + kind);
        }
    }

    /** The first encoder with the tokens of as many blocks as the features are made from. */
    private static RepresentationEncoder joined(RepresentationEncoder encoder, RunConfig config) {
        try {
            return encoder.joined(RunPlan.lastBlocks(config));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("terms.features.lastBlocks: " + e.getMessage(), e);
        }
    }

    private static void check(RepresentationEncoder encoder, int index, RunConfig config) {
        int width = config.encoders().get(index).width();
        if (encoder.width() != width) {
            throw new IllegalArgumentException(
                    name(index) + ".width must be " + encoder.width() + " for this encoder but was " + width);
        }
        if (index == 0 && config.cls().enabled() && !encoder.hasClassToken()) {
            throw new IllegalArgumentException("cls.enabled must be false for this encoder, which has no class token");
        }
    }
}
