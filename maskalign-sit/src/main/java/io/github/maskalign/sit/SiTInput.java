package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One batch for a SiT.
 *
 * @param x noised latents (N, C, H, W), float32
 * @param t timesteps (N) in [0, 1], float32; 0 is data, 1 is noise
 * @param y labels (N) in [0, numClasses], int64
 * @param classToken noised class token (N, Z), float32; exactly if the model has one
 * @param keep indices of the kept patch tokens (N, K), int64, without the class token; null keeps all, and
 *     with placement NONE nothing else is allowed
 * @param dropped which labels become the null class (N), float32, 0 or 1; null leaves the choice to the model, which
 *     draws it in training and drops none otherwise
 * @param pathDropped which samples do without what the blocks between the dense ones make of them (N), float32, 0 or 1; with
 *     placement SPARSE alone; null drops no path
 */
public record SiTInput(
        NDArray x,
        NDArray t,
        NDArray y,
        @Nullable NDArray classToken,
        @Nullable NDArray keep,
        @Nullable NDArray dropped,
        @Nullable NDArray pathDropped) {

    /** A batch that drops no path. */
    public SiTInput(
            NDArray x,
            NDArray t,
            NDArray y,
            @Nullable NDArray classToken,
            @Nullable NDArray keep,
            @Nullable NDArray dropped) {
        this(x, t, y, classToken, keep, dropped, null);
    }

    /** Returns it as {@link SiT} takes it as a DJL block, where no path is dropped. */
    public NDList toNDList() {
        NDList list = new NDList(x, t, y);
        for (NDArray optional : new NDArray[] {classToken, keep, dropped}) {
            if (optional != null) {
                list.add(optional);
            }
        }
        return list;
    }

    /**
     * Checks all shapes and types at once, and on the CPU the ranges of labels and kept patches: on a GPU, reading them
     * would make the host wait for it.
     *
     * @throws IllegalArgumentException with everything that does not fit the model
     */
    void requireFits(SiTConfig config) {
        List<String> problems = new ArrayList<>();
        int side = config.model().inputSize();
        Shape image = x.getShape();
        long n = image.dimension() == 0 ? 0 : image.get(0);
        check(problems, "x", x, DataType.FLOAT32, n, config.model().inChannels(), side, side);
        check(problems, "t", t, DataType.FLOAT32, n);
        check(problems, "y", y, DataType.INT64, n);
        if (config.hasClassToken() == (classToken == null)) {
            problems.add(
                    config.hasClassToken()
                            ? "this model generates a class token of width " + config.classTokenWidth()
                                    + " but none was given"
                            : "a class token was given but this model has none");
        } else if (classToken != null) {
            check(problems, "classToken", classToken, DataType.FLOAT32, n, config.classTokenWidth());
        }
        if (keep != null && config.subset().placement() == SubsetPlacement.NONE) {
            problems.add("kept patches were given but this model's placement is NONE: it would run on all of them");
        } else if (keep != null) {
            Shape kept = keep.getShape();
            long k = kept.dimension() == 2 ? Math.max(1, Math.min(kept.get(1), config.tokens())) : config.tokens();
            check(problems, "keep", keep, DataType.INT64, n, k);
        }
        if (dropped != null && config.model().classDropoutProb() == 0) {
            problems.add("this model has no null class: classDropoutProb is 0");
        } else if (dropped != null) {
            check(problems, "dropped", dropped, DataType.FLOAT32, n);
        }
        if (pathDropped != null && config.subset().placement() != SubsetPlacement.SPARSE) {
            problems.add("pathDropped was given but this model's placement is "
                    + config.subset().placement() + ": SPARSE alone has a path to drop");
        } else if (pathDropped != null) {
            check(problems, "pathDropped", pathDropped, DataType.FLOAT32, n);
        }
        if (problems.isEmpty() && !x.getDevice().isGpu()) {
            boolean nullClass = config.model().classDropoutProb() > 0;
            long labels = config.model().numClasses() + (nullClass ? 1L : 0L);
            range(problems, "y", y, labels, nullClass ? ", of which the last is the null class" : "");
            if (keep != null) {
                range(problems, "keep", keep, config.tokens(), "");
            }
        }
        if (!problems.isEmpty()) {
            throw new IllegalArgumentException(String.join("; ", problems));
        }
    }

    private static void range(List<String> problems, String name, NDArray array, long end, String note) {
        for (long value : array.toLongArray()) {
            if (value < 0 || value >= end) {
                problems.add(name + " must lie in 0 to " + (end - 1) + note + ", but has a " + value);
                return;
            }
        }
    }

    private static void check(List<String> problems, String name, NDArray array, DataType type, long... shape) {
        Shape expected = new Shape(shape);
        if (!array.getShape().equals(expected)) {
            problems.add(name + " must have shape " + expected + " but has " + array.getShape());
        }
        if (array.getDataType() != type) {
            problems.add(name + " must be " + type + " but is " + array.getDataType());
        }
    }
}
