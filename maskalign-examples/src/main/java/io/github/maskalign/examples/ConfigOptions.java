package io.github.maskalign.examples;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** A config file and what replaces its values: shared by the commands that start from a config. */
sealed class ConfigOptions permits RunOptions {
    /** The YAML file. */
    @Parameters(
            index = "0",
            paramLabel = "CONFIG",
            description = "YAML file that describes the experiment.",
            showDefaultValue = Visibility.NEVER)
    Path config = Path.of("");

    /** {@code key.path=value}, in the order given. */
    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "Replace a value of the config, such as --set seed=1; may be repeated.",
            showDefaultValue = Visibility.NEVER)
    List<String> overrides = new ArrayList<>();

    /** Where things that can be made again are kept between runs. */
    static final class CacheFolder {
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
}
