package io.github.maskalign.core.evaluate.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.ArrayList;
import java.util.List;

/**
 * Features of many pictures, (N, D) float32, in blocks of rows: what neighbours and kernels are computed from.
 *
 * <p>Memory: 4 N D bytes, 82 MB for 10,000 pictures of Inception, rounded up to a block. Belongs to one thread.
 */
public final class FeatureMatrix implements AutoCloseable {
    /** A block of distances between two blocks takes 16 MB. */
    private static final int BLOCK_ROWS = 2_000;

    private static final ScriptFunction ROWS_AT = ScriptFunction.of(FeatureMatrix.class, "rows.py", "rows_at");
    private static final ScriptFunction COPY = ScriptFunction.of(FeatureMatrix.class, "rows.py", "copy_rows");

    private final NDManager manager;
    private final int width;
    private final int blockRows;
    private final List<NDArray> blocks = new ArrayList<>();
    private int size;

    /**
     * Creates an empty one.
     *
     * @param parent the manager on whose device the rows are kept; closing it closes this
     * @param width features D of a row, at least 1
     */
    public FeatureMatrix(NDManager parent, int width) {
        this(parent, width, BLOCK_ROWS);
    }

    FeatureMatrix(NDManager parent, int width, int blockRows) {
        if (width < 1 || blockRows < 1) {
            throw new IllegalArgumentException(
                    "width and blockRows must be at least 1 but were " + width + " and " + blockRows);
        }
        manager = parent.newSubManager();
        this.width = width;
        this.blockRows = blockRows;
    }

    /**
     * Appends rows.
     *
     * @param rows (N, D), float32; copied
     * @throws IllegalArgumentException if they have another shape or type, or hold a number that is not finite; nothing
     *     is added then
     */
    public void add(NDArray rows) {
        FeatureAccumulator.requireRows(rows, width);
        addSome(rows, Math.toIntExact(rows.getShape().get(0)));
    }

    /** Appends the first rows of features that were checked. */
    public void addSome(NDArray rows, int count) {
        try (GradMode off = GradMode.off()) {
            int done = 0;
            while (done < count) {
                int at = size % blockRows;
                if (at == 0) {
                    blocks.add(manager.create(new Shape(blockRows, width), DataType.FLOAT32));
                }
                int n = Math.min(count - done, blockRows - at);
                COPY.call(blocks.get(blocks.size() - 1), rows, at, done, n).close();
                done += n;
                size += n;
            }
        }
    }

    /** Returns the number of rows N. */
    public int size() {
        return size;
    }

    /** Returns the number of features D. */
    public int width() {
        return width;
    }

    /** Frees the native memory. */
    @Override
    public void close() {
        manager.close();
    }

    public int blocks() {
        return blocks.size();
    }

    /** Rows of a block, a view on {@code owner}: all have the same number but the last one. */
    NDArray block(NDManager owner, int index) {
        int rows = Math.min(blockRows, size - index * blockRows);
        NDArray view = blocks.get(index).get("0:" + rows);
        view.attach(owner);
        return view;
    }

    /** The numbers of a block, row-major. */
    public float[] values(int index) {
        try (NDManager scratch = manager.newSubManager()) {
            return block(scratch, index).toFloatArray();
        }
    }

    /** A copy of these rows, in the order of their numbers, which must ascend. */
    NDArray rows(NDManager owner, int[] ascending) {
        try (GradMode off = GradMode.off();
                NDManager scratch = owner.newSubManager()) {
            NDList parts = new NDList();
            int from = 0;
            while (from < ascending.length) {
                int block = ascending[from] / blockRows;
                int to = from;
                while (to < ascending.length && ascending[to] / blockRows == block) {
                    to++;
                }
                long[] places = new long[to - from];
                for (int i = from; i < to; i++) {
                    places[i - from] = ascending[i] - (long) block * blockRows;
                }
                NDArray index = OwnedArrays.of(scratch, new Shape(places.length), places);
                parts.add(ROWS_AT.callOn(scratch, blocks.get(block), index).singletonOrThrow());
                from = to;
            }
            NDArray all = NDArrays.concat(parts); // (n, D)
            all.attach(owner);
            return all;
        }
    }
}
