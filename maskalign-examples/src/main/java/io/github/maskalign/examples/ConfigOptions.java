package io.github.maskalign.examples;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.internal.RunPlan;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** A config file and what replaces its values: shared by the commands that start from a config. */
final class ConfigOptions {
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

    /**
     * Reads the config with its overrides.
     *
     * @throws io.github.maskalign.core.config.ConfigException for all mistakes at once
     * @throws CommandFailure if its sections make no model
     */
    Bound<RunConfig> bind() {
        Bound<RunConfig> bound = ConfigBinder.bind(config, overrides, RunConfig.class);
        try {
            RunPlan.model(bound.value());
        } catch (IllegalArgumentException e) {
            String reason = String.valueOf(e.getMessage());
            throw CommandFailure.badInput(bound.sourceOf(reason) + ": the sections make no model: " + reason, e);
        }
        return bound;
    }

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
