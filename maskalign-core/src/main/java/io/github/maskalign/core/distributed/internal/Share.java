package io.github.maskalign.core.distributed.internal;

/**
 * The part of a range that falls to one of several: neighbours in order, sizes that differ by at most one.
 *
 * @param first first index of the part
 * @param count its length
 */
public record Share(long first, int count) {
    /**
     * Returns part {@code index} of {@code total} things divided into {@code parts}.
     *
     * @param total number of things, at least 0
     * @param parts number of parts, at least 1
     * @param index which part, in [0, parts)
     */
    public static Share of(int total, int parts, int index) {
        if (total < 0 || parts < 1 || index < 0 || index >= parts) {
            throw new IllegalArgumentException(
                    "part " + index + " of " + total + " things in " + parts + " parts does not exist");
        }
        long first = (long) total * index / parts;
        long end = (long) total * (index + 1) / parts;
        return new Share(first, (int) (end - first));
    }
}
