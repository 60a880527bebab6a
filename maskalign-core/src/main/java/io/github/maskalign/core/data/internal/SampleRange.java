package io.github.maskalign.core.data.internal;

/**
 * Neighbouring samples of a run's stream.
 *
 * @param first position of the first, at least 0
 * @param count how many, at least 1
 */
public record SampleRange(long first, int count) {
    public SampleRange {
        if (first < 0 || count < 1) {
            throw new IllegalArgumentException(
                    "a range must begin at 0 or later and have a sample but was " + count + " from " + first);
        }
    }

    /** Returns the range of the same size that follows without a gap. */
    public SampleRange next() {
        return new SampleRange(first + count, count);
    }
}
