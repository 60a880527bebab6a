package io.github.maskalign.core.align;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;

/**
 * The tokens kept of each sample of a batch: K different indices out of T, the same K for all samples.
 *
 * @param tokens number of tokens T before dropping
 * @param kept number of tokens K that stay, in [1, T]
 * @param keep the indices, row-major (N, K); each row has no index twice
 */
public record TokenSubset(int tokens, int kept, long[] keep) {
    public TokenSubset {
        if (tokens < 1 || kept < 1 || kept > tokens) {
            throw new IllegalArgumentException(
                    "a subset must keep at least one and at most all of the tokens but was " + kept + " of " + tokens);
        }
        if (keep.length == 0 || keep.length % kept != 0) {
            throw new IllegalArgumentException(
                    "keep must hold rows of " + kept + " indices but had " + keep.length + " numbers");
        }
        keep = keep.clone();
        boolean[] seen = new boolean[tokens];
        for (int i = 0; i < keep.length; i++) {
            if (i % kept == 0) {
                Arrays.fill(seen, false);
            }
            long index = keep[i];
            if (index < 0 || index >= tokens || seen[(int) index]) {
                throw new IllegalArgumentException("row " + i / kept + " of keep must hold different indices below "
                        + tokens + " but has " + index + " at place " + i % kept);
            }
            seen[(int) index] = true;
        }
    }

    /** Returns the subset that keeps every token of {@code rows} samples, in order. */
    public static TokenSubset all(int rows, int tokens) {
        long[] keep = new long[Math.multiplyExact(rows, tokens)];
        for (int i = 0; i < keep.length; i++) {
            keep[i] = i % tokens;
        }
        return new TokenSubset(tokens, tokens, keep);
    }

    /** Returns a copy of the indices, row-major (N, K). */
    @Override
    public long[] keep() {
        return keep.clone();
    }

    /** Returns the number of samples N. */
    public int rows() {
        return keep.length / kept;
    }

    /** Returns a copy of the K indices of one sample. */
    public long[] row(int sample) {
        if (sample < 0 || sample >= rows()) {
            throw new IllegalArgumentException("sample must be in [0, " + (rows() - 1) + "] but was " + sample);
        }
        return Arrays.copyOfRange(keep, sample * kept, (sample + 1) * kept);
    }

    /** Whether nothing is dropped. */
    public boolean isFull() {
        return kept == tokens;
    }

    /** Returns the subset of the sequence [class token; patches]: index 0 is prepended, the others move by one. */
    public TokenSubset withClassToken() {
        int width = kept + 1;
        long[] shifted = new long[rows() * width];
        for (int n = 0; n < rows(); n++) {
            for (int k = 0; k < kept; k++) {
                shifted[n * width + k + 1] = keep[n * kept + k] + 1;
            }
        }
        return new TokenSubset(tokens + 1, width, shifted);
    }

    /**
     * Returns the kept indices as an array (N, K), int64.
     *
     * <p>The array owns its memory, so autograd may keep it beyond the life of any Java buffer.
     *
     * @param manager owner of the result
     */
    public NDArray toNDArray(NDManager manager) {
        return owned(manager, keep, kept); // (N, K)
    }

    /**
     * Returns, for each token, its row in [kept tokens; dropped tokens], the dropped ones in ascending order:
     * the argsort of that order. {@code gather(restore)} puts a sequence back together whose last T - K rows
     * are fillers.
     *
     * @param manager owner of the result, (N, T) int64
     */
    public NDArray restore(NDManager manager) {
        long[] places = new long[rows() * tokens];
        Arrays.fill(places, -1);
        for (int n = 0; n < rows(); n++) {
            for (int k = 0; k < kept; k++) {
                places[n * tokens + (int) keep[n * kept + k]] = k;
            }
            int next = kept;
            for (int i = n * tokens; i < (n + 1) * tokens; i++) {
                if (places[i] < 0) {
                    places[i] = next++;
                }
            }
        }
        return owned(manager, places, tokens); // (N, T)
    }

    /**
     * Returns 1 for removed and 0 for kept tokens.
     *
     * @param manager owner of the result, (N, T) float32
     */
    public NDArray mask(NDManager manager) {
        float[] removed = new float[rows() * tokens];
        Arrays.fill(removed, 1f);
        for (int i = 0; i < keep.length; i++) {
            removed[i / kept * tokens + (int) keep[i]] = 0f;
        }
        try (NDArray borrowed = manager.create(removed, new Shape(rows(), tokens))) {
            return borrowed.duplicate(); // (N, T)
        }
    }

    /**
     * Selects rows of a sequence; differentiable in the sequence.
     *
     * @param sequence tokens (N, T, D)
     * @param index rows to take (N, K), int64, as {@link #toNDArray} and {@link #restore} give them
     * @return (N, K, D), owned by the sequence's manager
     * @throws IllegalArgumentException if shapes or type are others or, on the CPU, a row does not exist: on a GPU, reading
     *     them would make each call wait
     */
    public static NDArray gather(NDArray sequence, NDArray index) {
        Shape s = sequence.getShape();
        Shape k = index.getShape();
        if (s.dimension() != 3 || k.dimension() != 2 || s.get(0) != k.get(0)) {
            throw new IllegalArgumentException(
                    "gather takes a sequence (N, T, D) and an index (N, K) but was given " + s + " and " + k);
        }
        if (index.getDataType() != DataType.INT64) {
            throw new IllegalArgumentException("index must be int64 but was " + index.getDataType());
        }
        requireRows(index, s.get(1));
        NDArray wide = index.expandDims(2).broadcast(new Shape(k.get(0), k.get(1), s.get(2))); // (N, K, D)
        return sequence.gather(wide, 1); // (N, K, D)
    }

    private static void requireRows(NDArray index, long tokens) {
        if (index.getDevice().isGpu()) {
            return;
        }
        for (long row : index.toLongArray()) {
            if (row < 0 || row >= tokens) {
                throw new IllegalArgumentException("index must be in [0, " + (tokens - 1) + "] but had " + row);
            }
        }
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof TokenSubset that
                && tokens == that.tokens
                && Arrays.equals(keep, that.keep)
                && kept == that.kept;
    }

    @Override
    public int hashCode() {
        return 31 * tokens + Arrays.hashCode(keep);
    }

    @Override
    public String toString() {
        return "TokenSubset[" + kept + " of " + tokens + " tokens, " + rows() + " samples]";
    }

    /** A long[] of the host becomes native memory of its own: the engine aliases what it is given. */
    private NDArray owned(NDManager manager, long[] values, int width) {
        try (NDArray borrowed = manager.create(values, new Shape(rows(), width))) {
            return borrowed.duplicate();
        }
    }
}
