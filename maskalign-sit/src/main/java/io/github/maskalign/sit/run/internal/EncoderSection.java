package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.NonNegative;
import io.github.maskalign.core.config.ConfigKey.Range;
import io.github.maskalign.encoders.published.NativeEncoder.EncoderName;
import io.github.maskalign.encoders.vit.Vit.VitParts;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Where the clean-image tokens come from.
 *
 * @param kind which encoder
 * @param width width Z of its tokens
 * @param path TORCHSCRIPT, NATIVE: the file
 * @param sha256 TORCHSCRIPT, NATIVE: its hash, which is checked before anything reads the file
 * @param trust TORCHSCRIPT: whether a file without a hash may run, whatever it does
 * @param preprocessing TORCHSCRIPT: how pictures are scaled and normalised for it
 * @param model NATIVE: which published encoder the file holds, such as {@code dinov2-vit-b}
 * @param heads NATIVE: attention heads; 0 for those of the published model
 * @param positions NATIVE: how the position table is made for other grids than its own; REPA's way is ANTIALIAS
 */
public record EncoderSection(
        Kind kind,
        @Range(min = 1, max = 65_536) int width,
        @Default("null") Optional<Path> path,
        @Default("null") Optional<String> sha256,
        @Default("false") boolean trust,
        @Default("dinov2") String preprocessing,
        @Default("dinov2") String model,
        @NonNegative @Default("0") int heads,
        @Default("ANTIALIAS") VitParts.Positions positions) {

    /** Encoders. */
    public enum Kind {
        /** None: neither alignment nor a class token. */
        NONE,
        /** The small emoji encoder that comes with the library. */
        EMBEDDED,
        /** A TorchScript file, such as an exported DINOv2. */
        TORCHSCRIPT,
        /** Published weights, such as DINOv2's, computed by the library's own transformer. */
        NATIVE,
        /** Tokens that were computed when the data was prepared. */
        CACHED
    }

    /** Checks that the keys fit the kind. */
    public EncoderSection {
        boolean needsFile = kind == Kind.TORCHSCRIPT || kind == Kind.NATIVE;
        if (needsFile && path.isEmpty()) {
            throw new IllegalArgumentException("path must name the file for " + kind);
        }
        if (sha256.isPresent() && !sha256.get().matches("[0-9a-f]{64}")) {
            throw new IllegalArgumentException("sha256 must be 64 hexadecimal digits but was " + sha256.get());
        }
        EncoderName.parse(model);
    }

    /** What is said of the file. */
    ScriptPin pin() {
        return ScriptPin.ofSection("encoder", sha256.orElse(null), trust);
    }
}
