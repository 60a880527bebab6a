package io.github.maskalign.sit.lab;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Inline;
import io.github.maskalign.core.config.ConfigKey.Positive;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What is compared: variants of one config, each with every seed, with one budget and one way to score.
 *
 * @param name name of the comparison
 * @param base config that all share; relative to the plan's folder
 * @param set settings that all share, {@code KEY=VALUE} as {@code train --set} takes them
 * @param variants what is compared, in the order of the tables
 * @param baseline name of the variant that the others are compared with; the first unless given
 * @param seeds seeds of each variant; differences are taken between runs of one seed
 * @param budget how long each trains
 */
public record ComparisonPlan(
        String name,
        Path base,
        @Default("[]") List<String> set,
        List<Variant> variants,
        @Default("null") Optional<String> baseline,
        List<Long> seeds,
        @Inline Budget budget) {
    private static final String NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}";

    /**
     * One variant.
     *
     * @param name its name in tables and of its folders
     * @param set what it sets, such as {@code method=repa}
     */
    public record Variant(String name, @Default("[]") List<String> set) {
        /** Copies the list and checks the name. */
        public Variant {
            set = List.copyOf(set);
            if (!name.matches(NAME)) {
                throw new IllegalArgumentException(
                        "name must be letters, digits, '.', '_' and '-', at most 64, but was '" + name + "'");
            }
        }
    }

    /**
     * How long each variant trains.
     *
     * @param steps optimiser steps of the baseline
     * @param equal what the others have in common with it
     * @param evaluations how many times each is scored, in equal distances, the last at its end
     */
    public record Budget(
            @Positive int steps,
            @Default("STEPS") Equal equal,
            @Positive @Default("1") int evaluations) {
        /** Checks that evaluations fall on steps. */
        public Budget {
            if (evaluations > steps) {
                throw new IllegalArgumentException(
                        "evaluations must be at most steps, " + steps + ", but was " + evaluations);
            }
        }
    }

    /** What variants have in common. */
    public enum Equal {
        /** Optimiser steps. */
        STEPS,
        /** Floating point operations of the model, without its encoder. */
        FLOPS,
        /** Time, by what a few steps of each took on the machine that began the comparison. */
        SECONDS
    }

    /** Copies the lists and checks names and seeds. */
    public ComparisonPlan {
        set = List.copyOf(set);
        variants = List.copyOf(variants);
        seeds = List.copyOf(seeds);
        if (!name.matches(NAME)) {
            throw new IllegalArgumentException(
                    "name must be letters, digits, '.', '_' and '-', at most 64, but was '" + name + "'");
        }
        if (variants.isEmpty() || seeds.isEmpty()) {
            throw new IllegalArgumentException("variants and seeds must have at least one each");
        }
        if (new HashSet<>(seeds).size() < seeds.size()) {
            throw new IllegalArgumentException("seeds must be different but were " + seeds);
        }
        Set<String> names = new HashSet<>();
        for (Variant variant : variants) {
            if (!names.add(variant.name())) {
                throw new IllegalArgumentException("variants must have different names but two are " + variant.name());
            }
        }
        if (baseline.isPresent() && !names.contains(baseline.get())) {
            throw new IllegalArgumentException(
                    "baseline must be one of the variants " + names + " but was '" + baseline.get() + "'");
        }
    }

    /** Returns the name of the variant that others are compared with. */
    public String reference() {
        return baseline.orElseGet(() -> variants.get(0).name());
    }
}
