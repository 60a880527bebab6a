package io.github.maskalign.examples;

import io.github.maskalign.core.data.internal.PreparedStore;
import io.github.maskalign.core.data.internal.RepaFolders;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** How the files of a prepared set are laid out. */
final class LayoutOptions {
    /** How files are laid out. */
    enum Layout {
        /** Few large files with an index. */
        SHARDS,
        /** REPA's two folders, for its trainer. */
        REPA
    }

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

    PreparedStore store(Path out) {
        return layout == Layout.SHARDS
                ? PreparedStore.shards(out)
                : PreparedStore.repa(new RepaFolders(out, imagesFolder, latentsFolder));
    }

    boolean isRepa() {
        return layout == Layout.REPA;
    }
}
