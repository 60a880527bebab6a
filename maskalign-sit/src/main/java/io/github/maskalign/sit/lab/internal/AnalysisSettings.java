package io.github.maskalign.sit.lab.internal;

import io.github.maskalign.core.analysis.Measured.Resampling;
import io.github.maskalign.sit.lab.Analysis.Part;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * What is asked of an analysis.
 *
 * @param parts what is measured
 * @param pictures number of pictures
 * @param times values of t
 * @param masks masks of each picture
 * @param seed every random number follows from it
 * @param batch pictures computed at a time, which changes no number beyond its rounding
 * @param draws resamples of each interval, and draws of each chance
 */
public record AnalysisSettings(
        Set<Part> parts, int pictures, List<Double> times, int masks, long seed, int batch, int draws) {
    /** Fewer pictures have no neighbours to compare, and no halves. */
    public static final int LEAST_PICTURES = 24;

    private static final double LEVEL = 0.95;

    /** @throws IllegalArgumentException if a number is out of its range */
    public AnalysisSettings {
        parts = parts.isEmpty() ? EnumSet.noneOf(Part.class) : EnumSet.copyOf(parts);
        times = List.copyOf(times);
        if (pictures < LEAST_PICTURES) {
            throw new IllegalArgumentException(
                    "an analysis needs at least " + LEAST_PICTURES + " pictures but was asked for " + pictures);
        }
        for (double t : times) {
            if (!(t >= 0 && t <= 1)) {
                throw new IllegalArgumentException("times must be in [0, 1] but one was " + t);
            }
        }
        if (times.isEmpty() || new TreeSet<>(times).size() < times.size()) {
            throw new IllegalArgumentException("times must be different numbers, at least one, but were " + times);
        }
        if (masks < 1) {
            throw new IllegalArgumentException("masks must be at least 1 but was " + masks);
        }
        if (batch < 1) {
            throw new IllegalArgumentException("batch must be at least 1 but was " + batch);
        }
    }

    /** Returns the same of other parts; there may be none. */
    AnalysisSettings withParts(Set<Part> others) {
        return new AnalysisSettings(others, pictures, times, masks, seed, batch, draws);
    }

    boolean has(Part part) {
        return parts.contains(part);
    }

    /** Whether the hidden tokens of all blocks are looked at. */
    boolean looksAtTaps() {
        return has(Part.SIMILARITY) || has(Part.SPATIAL) || has(Part.PROBE);
    }

    Resampling resampling() {
        return new Resampling(draws, LEVEL, seed);
    }
}
