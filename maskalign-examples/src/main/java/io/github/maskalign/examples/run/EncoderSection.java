package io.github.maskalign.examples.run;

import io.github.maskalign.core.config.Default;
import io.github.maskalign.core.config.Positive;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Where the clean-image tokens come from.
 *
 * @param kind which encoder
 * @param width width Z of its tokens
 * @param path TORCHSCRIPT: the file
 * @param sha256 TORCHSCRIPT: its hash, which is checked before a byte of it is run; a TorchScript file is code
 * @param preprocessing TORCHSCRIPT: how pictures are scaled and normalised for it
 */
public record EncoderSection(
        Kind kind,
        @Positive int width,
        @Default("null") Optional<Path> path,
        @Default("null") Optional<String> sha256,
        @Default("dinov2") String preprocessing) {

    /** Encoders. */
    public enum Kind {
        /** None: neither alignment nor a class token. */
        NONE,
        /** The small emoji encoder that comes with the library. */
        EMBEDDED,
        /** A TorchScript file, such as an exported DINOv2. */
        TORCHSCRIPT,
        /** Tokens that were computed when the data was prepared. */
        CACHED
    }

    /** Checks that the keys fit the kind. */
    public EncoderSection {
        if (kind == Kind.TORCHSCRIPT && path.isEmpty()) {
            throw new IllegalArgumentException("path must name the file for TORCHSCRIPT");
        }
        if (sha256.isPresent() && !sha256.get().matches("[0-9a-f]{64}")) {
            throw new IllegalArgumentException("sha256 must be 64 hexadecimal digits but was " + sha256.get());
        }
    }
}
