package io.github.maskalign.sit.lab.internal;

import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigWriter;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.sit.LossTerms;
import io.github.maskalign.sit.LossTerms.Features;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunConfig.EncoderSection;
import io.github.maskalign.sit.run.RunConfig.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Whose data and encoders an analysis uses.
 *
 * @param file the config that says it
 * @param config what it says, without subsets and without terms that are of training alone
 */
record AnalysedData(Path file, RunConfig config) {
    /** Pictures are as they are, and each position is read once. */
    private static final List<String> PLAIN = List.of("data.flip=false", "data.readAhead=0");

    /** What is no part of which pictures there are. */
    private static final Set<String> FREE =
            Set.of("data.cache", "data.readAhead", "data.flip", "data.vae", "data.pixels");

    /**
     * Finds the config.
     *
     * @param like run or config; null for the run of the first source that belongs to one
     * @param all what is analysed; runs that generate features need a basis of them
     * @throws IllegalArgumentException if none belongs to one
     */
    static AnalysedData of(List<Path> sources, @Nullable Path like, List<AnalysedWeights> all) {
        Path file = file(sources, like);
        RunConfig config = ConfigBinder.bind(file, PLAIN, RunConfig.class).value();
        boolean encodes = config.encoder().kind() != EncoderSection.Kind.NONE;
        Optional<Features> features = Stream.concat(
                        Stream.of(config), encodes ? all.stream().flatMap(one -> one.run().stream()) : Stream.of())
                .flatMap(run -> run.method().terms().features().stream())
                .max(Comparator.comparingInt(Features::channels)); // which hold the first ones of fewer
        return new AnalysedData(file, whole(config, features));
    }

    private static Path file(List<Path> sources, @Nullable Path like) {
        if (like != null) {
            return Files.isDirectory(like) ? like.resolve("config.yaml") : like;
        }
        for (Path source : sources) {
            Path folder =
                    Files.isDirectory(source) ? source : source.toAbsolutePath().resolveSibling("");
            for (Path at = folder; at != null; at = at.getParent()) {
                if (Files.exists(at.resolve("config.yaml"))) {
                    return at.resolve("config.yaml");
                }
                if (!String.valueOf(at.getFileName()).matches("state-.*|checkpoints")) {
                    break;
                }
            }
        }
        throw new IllegalArgumentException(sources.get(0)
                + " belongs to no run, so --like must name a run or a config whose data and encoder are used");
    }

    /** The same experiment with all tokens everywhere: no subset, and nothing that goes with one. */
    private static RunConfig whole(RunConfig config, Optional<Features> features) {
        Method method = config.method();
        LossTerms terms = features.map(LossTerms.NONE::withFeatures).orElse(LossTerms.NONE);
        return new RunConfig(
                config.name(),
                config.seed(),
                config.model(),
                config.data(),
                new Method(
                        method.diffusion(),
                        method.align(),
                        method.encoder(),
                        method.moreEncoders(),
                        method.cls(),
                        method.mixer(),
                        SubsetConfig.none(),
                        terms),
                config.optim(),
                config.train(),
                config.runtime(),
                config.sample().withGuidance(SamplerConfig.defaults().guidance()),
                config.evaluate());
    }

    private static Map<String, String> dataOf(RunConfig config) {
        Map<String, String> out = new TreeMap<>(ConfigWriter.settings(config));
        out.keySet().removeIf(key -> !key.startsWith("data.") || FREE.contains(key));
        return out;
    }

    /** Runs are compared on the same pictures, so they must have been trained on such. */
    void requireSame(List<AnalysedWeights> all) {
        Map<String, String> expected = dataOf(config);
        for (AnalysedWeights weights : all) {
            weights.run()
                    .ifPresent(run -> dataOf(run).forEach((key, value) -> {
                        if (!value.equals(expected.get(key))) {
                            throw new IllegalArgumentException("all runs of an analysis must have the data of " + file
                                    + ", where " + key + " is " + expected.get(key) + ", but that of " + weights.name()
                                    + " is " + value + "; analyse them one by one");
                        }
                    }));
        }
    }
}
