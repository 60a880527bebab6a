package io.github.maskalign.examples;

import java.nio.file.Path;

/** Where things that can be made again are kept between runs. */
final class CacheFolder {
    private CacheFolder() {}

    /** Returns {@code $MASKALIGN_CACHE}, or {@code maskalign} in the user's cache folder. */
    static Path path() {
        String own = System.getenv("MASKALIGN_CACHE");
        if (own != null && !own.isBlank()) {
            return Path.of(own);
        }
        String shared = System.getenv("XDG_CACHE_HOME");
        Path base = shared != null && !shared.isBlank()
                ? Path.of(shared)
                : Path.of(System.getProperty("user.home"), ".cache");
        return base.resolve("maskalign");
    }
}
