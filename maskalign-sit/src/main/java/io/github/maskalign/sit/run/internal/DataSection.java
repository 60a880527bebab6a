package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.config.Default;
import io.github.maskalign.core.config.Inline;
import io.github.maskalign.core.config.NonNegative;
import io.github.maskalign.core.config.Positive;
import io.github.maskalign.core.data.PixelScaling;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What a model is trained on.
 *
 * @param kind which data set
 * @param sets EMOJI: artists' sets, such as {@code noto}
 * @param drawings EMOJI: which of their drawings, and what the model sees of them
 * @param cache EMOJI: folder of the drawn pictures; the user's cache folder unless given
 * @param path LATENTS: folder of the prepared latents
 * @param scale LATENTS: factor of the latents, z = (sample − bias) · scale; above 0
 * @param bias LATENTS: subtracted before
 * @param folders LATENTS in REPA's layout: where its parts are
 * @param vae LATENTS: autoencoder as diffusers publishes it, for pictures while the run goes on; none unless given
 * @param pixels how values become bytes in pictures of the run; unless given the nearest level for EMOJI, and for
 *     LATENTS the rule of the method's project
 * @param readAhead LATENTS: batches that another thread reads in advance; 0 reads when they are needed
 */
public record DataSection(
        Kind kind,
        @Default("[]") List<String> sets,
        @Inline Drawings drawings,
        @Default("null") Optional<Path> cache,
        @Default("null") Optional<Path> path,
        @Positive @Default("0.18215") double scale,
        @Default("0.0") double bias,
        @Inline Folders folders,
        @Default("null") Optional<Path> vae,
        @Default("null") Optional<PixelScaling> pixels,
        @NonNegative @Default("4") int readAhead) {

    /**
     * Folders of REPA's layout.
     *
     * @param imagesFolder name of the folder of pictures
     * @param latentsFolder name of the folder of latents
     */
    public record Folders(
            @Default("images") String imagesFolder,
            @Default("vae-sd") String latentsFolder) {}

    /**
     * Which drawings of the sets, and as what.
     *
     * @param space what the model sees
     * @param classes names of groups of drawings, in the order of their labels; empty for all drawings by category
     */
    public record Drawings(
            @Default("PIXELS") Space space, @Default("[]") List<String> classes) {
        /** Copies the list. */
        public Drawings {
            classes = List.copyOf(classes);
        }
    }

    /** What a model sees of drawings. */
    public enum Space {
        /** Their pixels, at the side of the model's input. */
        PIXELS,
        /** Latents of the autoencoder that comes with the library, of drawings four times as wide. */
        LATENTS
    }

    /** Data sets. */
    public enum Kind {
        /** Drawings of emoji by several artists, made from a Maven artefact; pixels are the latents. */
        EMOJI,
        /** Latents of a picture set, prepared in advance. */
        LATENTS
    }

    /** Checks that the keys fit the kind. */
    public DataSection {
        sets = List.copyOf(sets);
        if (kind == Kind.EMOJI && sets.isEmpty()) {
            throw new IllegalArgumentException("sets must name at least one artist's set for EMOJI");
        }
        if (kind == Kind.EMOJI && vae.isPresent()) {
            throw new IllegalArgumentException("vae has no place with EMOJI, whose latents are pictures or those of the"
                    + " library's own autoencoder, but was " + vae.get());
        }
        if (kind == Kind.LATENTS
                && (drawings.space() != Space.PIXELS || !drawings.classes().isEmpty())) {
            throw new IllegalArgumentException(
                    "space and classes go with EMOJI, not with LATENTS, which hold what was prepared, but were "
                            + drawings.space() + " and " + drawings.classes());
        }
        if (kind == Kind.LATENTS && path.isEmpty()) {
            throw new IllegalArgumentException("path must name the folder of the latents for LATENTS");
        }
    }

    /** Whether the model is trained on latents of the embedded autoencoder. */
    public boolean embedded() {
        return kind == Kind.EMOJI && drawings.space() == Space.LATENTS;
    }
}
