package io.github.maskalign.examples;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.config.ConfigPresets;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.internal.RunPlan;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The config of a training run: the file, the method, and what replaces single values. */
final class RunOptions extends ConfigOptions {
    /** The methods of the library. */
    static final ConfigPresets METHODS = ConfigPresets.of(RunConfig.class).orElseThrow();

    /** Configs whose name the methods' old configs do not tell. */
    private static final Map<String, String> RENAMED = Map.of("emoji-32", "emoji-32-lab");

    @Option(
            names = "--method",
            paramLabel = "ID",
            completionCandidates = MethodNames.class,
            description = "Train this method instead of the config's: ${COMPLETION-CANDIDATES}. The run's name gets -ID"
                    + " at its end; --set holds over the method. maskalign methods tells what each is.")
    @Nullable
    String method;

    /** Names of the methods, for help texts and completion. */
    static final class MethodNames implements Iterable<String> {
        @Override
        public Iterator<String> iterator() {
            return METHODS.names().iterator();
        }

        /**
         * Returns the name of a method as lists have it.
         *
         * @throws CommandFailure if there is none of this name
         */
        static String parse(String name) {
            try {
                return METHODS.get(name).name();
            } catch (IllegalArgumentException e) {
                throw CommandFailure.badInput("--" + e.getMessage(), e);
            }
        }
    }

    /**
     * Reads the config with its method and overrides.
     *
     * @throws io.github.maskalign.core.config.ConfigException for all mistakes at once
     * @throws CommandFailure if its sections make no model
     */
    Bound<RunConfig> bind() {
        List<String> all = new ArrayList<>();
        if (method != null) {
            all.add(METHODS.key() + "=" + MethodNames.parse(method));
        }
        all.addAll(overrides);
        requireNotReplaced(config);
        Bound<RunConfig> bound = ConfigBinder.bind(config, all, RunConfig.class);
        try {
            RunPlan.model(bound.value());
        } catch (IllegalArgumentException e) {
            String reason = String.valueOf(e.getMessage());
            throw CommandFailure.badInput(bound.sourceOf(reason) + ": the sections make no model: " + reason, e);
        }
        return bound;
    }

    /** Earlier releases had a config for each method, {@code imagenet-sit-b-2-repa.yaml}. */
    private static void requireNotReplaced(Path config) {
        String name = String.valueOf(config.getFileName());
        Optional<String> old = METHODS.names().stream()
                .filter(id -> name.endsWith("-" + id + ".yaml"))
                .max(Comparator.comparingInt(String::length));
        if (old.isEmpty() || Files.exists(config)) {
            return;
        }
        String stem = name.substring(0, name.length() - old.get().length() - ".yaml".length() - 1);
        Path base = config.resolveSibling(RENAMED.getOrDefault(stem, stem) + ".yaml");
        if (Files.exists(base)) {
            throw CommandFailure.badInput(
                    "the config " + config + " does not exist: methods have no configs of their own," + " use " + base
                            + " --method " + old.get());
        }
    }
}
