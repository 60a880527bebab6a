package io.github.maskalign.core.sample;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Several networks that share the times of the way from noise to data, each with a range of its own (eDiff-I, arXiv 2211.01324,
 * section 4.2). Which one is called follows from t, which must be the same for all samples of a call, as samplers have it.
 */
public final class ExpertField implements VelocityField {
    private final List<Expert> experts;

    /**
     * A network and its times.
     *
     * @param low smallest time, which it has
     * @param high largest time, which the next network has, or this one if it is 1
     * @param field the network
     */
    public record Expert(double low, double high, VelocityField field) {
        /** @throws IllegalArgumentException if the ends are not in order or leave [0, 1] */
        public Expert {
            if (!(low >= 0 && low < high && high <= 1)) {
                throw new IllegalArgumentException(
                        "an expert's times must satisfy 0 <= low < high <= 1 but were " + low + " to " + high);
            }
        }
    }

    /**
     * Joins networks.
     *
     * @param experts networks whose times cover [0, 1], none twice, in any order
     * @throws IllegalArgumentException if a time is missing or given twice, or the networks are of different kinds; says which
     */
    public ExpertField(List<Expert> experts) {
        List<Expert> sorted = new ArrayList<>(experts);
        sorted.sort(Comparator.comparingDouble(Expert::low));
        double reached = 0;
        for (Expert expert : sorted) {
            if (expert.low > reached) {
                throw new IllegalArgumentException("no expert has the times from " + reached + " to " + expert.low);
            }
            if (expert.low < reached) {
                throw new IllegalArgumentException("two experts have the times from " + expert.low + " to "
                        + Math.min(reached, expert.high) + ": they must not overlap");
            }
            reached = expert.high;
        }
        if (reached < 1) {
            throw new IllegalArgumentException("no expert has the times from " + reached + " to 1.0");
        }
        VelocityField first = sorted.get(0).field;
        boolean alike = sorted.stream()
                .allMatch(e -> e.field.nullLabel() == first.nullLabel()
                        && e.field.noise().isPresent() == first.noise().isPresent()
                        && e.field.hasPath() == first.hasPath());
        if (!alike) {
            throw new IllegalArgumentException(
                    "experts must have the same classes, predict the same, velocity or noise, and"
                            + " all have a sparse path or none");
        }
        this.experts = List.copyOf(sorted);
    }

    /** Returns the network that has a time in [0, 1]; times are compared in float32, in which networks are called. */
    public VelocityField at(double t) {
        for (Expert expert : experts) {
            if ((float) t < (float) expert.high) {
                return expert.field;
            }
        }
        return experts.get(experts.size() - 1).field;
    }

    private VelocityField at(NDArray t) {
        return at(t.toType(DataType.FLOAT64, false).getDouble(0));
    }

    @Override
    public NDList velocity(NDList state, NDArray t, NDArray labels) {
        return at(t).velocity(state, t, labels);
    }

    @Override
    public Optional<NoiseField> noise() {
        return experts.get(0).field.noise().isEmpty()
                ? Optional.empty()
                : Optional.of((state, t, labels) -> at(t).noise().orElseThrow().noise(state, t, labels));
    }

    @Override
    public boolean hasPath() {
        return experts.get(0).field.hasPath();
    }

    @Override
    public NDList velocityWithoutPath(NDList state, NDArray t, NDArray labels) {
        return at(t).velocityWithoutPath(state, t, labels);
    }

    @Override
    public long nullLabel() {
        return experts.get(0).field.nullLabel();
    }
}
