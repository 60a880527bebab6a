package io.github.maskalign.encoders.inception;

import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The units of the network and their convolutions, under torchvision's names, in the order they are computed. */
final class InceptionLayout {
    static final int SIDE = 299;
    static final int WIDTH = 2048;
    static final int CLASSES = 1008;
    /** The unit whose 1×1 branch is the spatial tap: {@code mixed_6} of the graph. */
    static final String SPATIAL_UNIT = "Mixed_6d";

    static final int SPATIAL_CHANNELS = 7;
    static final int SPATIAL_WIDTH = 17 * 17 * SPATIAL_CHANNELS;

    /**
     * A convolution without padding and strides, which are in the program.
     *
     * @param name key below its unit, such as {@code branch1x1}
     */
    record Conv(String name, int in, int out, int height, int width) {
        Shape weight() {
            return new Shape(out, in, height, width);
        }
    }

    /**
     * A unit: one function of the program.
     *
     * @param name first part of the keys; empty for the stem
     * @param function name in {@code inception.py}
     * @param channels channels of its output
     * @param shrinks whether the output has (side − 3) / 2 + 1 rows instead of side
     */
    record Unit(String name, String function, List<Conv> convs, int channels, boolean shrinks) {
        /** Returns the key of a convolution in the file, such as {@code Mixed_5b.branch1x1}. */
        String key(Conv conv) {
            return name.isEmpty() ? conv.name : name + "." + conv.name;
        }
    }

    private InceptionLayout() {}

    static List<Unit> units() {
        return List.of(
                stem(),
                five("Mixed_5b", 192, 32),
                five("Mixed_5c", 256, 64),
                five("Mixed_5d", 288, 64),
                sixA(),
                six("Mixed_6b", 128),
                six("Mixed_6c", 160),
                six("Mixed_6d", 160),
                six("Mixed_6e", 192),
                sevenA(),
                seven("Mixed_7b", 1280),
                seven("Mixed_7c", 2048));
    }

    /** Returns the shapes of all tensors of a weights file, the counters of batch norm and the bias left out. */
    static Map<String, Shape> fileShapes() {
        Map<String, Shape> shapes = new LinkedHashMap<>();
        for (Unit unit : units()) {
            for (Conv conv : unit.convs()) {
                String key = unit.key(conv);
                shapes.put(key + ".conv.weight", conv.weight());
                for (String part : List.of("weight", "bias", "running_mean", "running_var")) {
                    shapes.put(key + ".bn." + part, new Shape(conv.out()));
                }
            }
        }
        shapes.put("fc.weight", new Shape(CLASSES, WIDTH));
        return shapes;
    }

    private static Unit stem() {
        return new Unit(
                "",
                "stem",
                List.of(
                        square("Conv2d_1a_3x3", 3, 32, 3),
                        square("Conv2d_2a_3x3", 32, 32, 3),
                        square("Conv2d_2b_3x3", 32, 64, 3),
                        square("Conv2d_3b_1x1", 64, 80, 1),
                        square("Conv2d_4a_3x3", 80, 192, 3)),
                192,
                true);
    }

    private static Unit five(String name, int in, int pool) {
        return new Unit(
                name,
                "mixed_5",
                List.of(
                        square("branch1x1", in, 64, 1),
                        square("branch5x5_1", in, 48, 1),
                        square("branch5x5_2", 48, 64, 5),
                        square("branch3x3dbl_1", in, 64, 1),
                        square("branch3x3dbl_2", 64, 96, 3),
                        square("branch3x3dbl_3", 96, 96, 3),
                        square("branch_pool", in, pool, 1)),
                224 + pool,
                false);
    }

    private static Unit sixA() {
        return new Unit(
                "Mixed_6a",
                "mixed_6a",
                List.of(
                        square("branch3x3", 288, 384, 3),
                        square("branch3x3dbl_1", 288, 64, 1),
                        square("branch3x3dbl_2", 64, 96, 3),
                        square("branch3x3dbl_3", 96, 96, 3)),
                768,
                true);
    }

    private static Unit six(String name, int c) {
        return new Unit(
                name,
                "mixed_6",
                List.of(
                        square("branch1x1", 768, 192, 1),
                        square("branch7x7_1", 768, c, 1),
                        new Conv("branch7x7_2", c, c, 1, 7),
                        new Conv("branch7x7_3", c, 192, 7, 1),
                        square("branch7x7dbl_1", 768, c, 1),
                        new Conv("branch7x7dbl_2", c, c, 7, 1),
                        new Conv("branch7x7dbl_3", c, c, 1, 7),
                        new Conv("branch7x7dbl_4", c, c, 7, 1),
                        new Conv("branch7x7dbl_5", c, 192, 1, 7),
                        square("branch_pool", 768, 192, 1)),
                768,
                false);
    }

    private static Unit sevenA() {
        return new Unit(
                "Mixed_7a",
                "mixed_7a",
                List.of(
                        square("branch3x3_1", 768, 192, 1),
                        square("branch3x3_2", 192, 320, 3),
                        square("branch7x7x3_1", 768, 192, 1),
                        new Conv("branch7x7x3_2", 192, 192, 1, 7),
                        new Conv("branch7x7x3_3", 192, 192, 7, 1),
                        square("branch7x7x3_4", 192, 192, 3)),
                1280,
                true);
    }

    private static Unit seven(String name, int in) {
        List<Conv> convs = new ArrayList<>(List.of(
                square("branch1x1", in, 320, 1),
                square("branch3x3_1", in, 384, 1),
                new Conv("branch3x3_2a", 384, 384, 1, 3),
                new Conv("branch3x3_2b", 384, 384, 3, 1),
                square("branch3x3dbl_1", in, 448, 1),
                square("branch3x3dbl_2", 448, 384, 3),
                new Conv("branch3x3dbl_3a", 384, 384, 1, 3),
                new Conv("branch3x3dbl_3b", 384, 384, 3, 1),
                square("branch_pool", in, 192, 1)));
        return new Unit(name, "mixed_7", List.copyOf(convs), WIDTH, false);
    }

    private static Conv square(String name, int in, int out, int side) {
        return new Conv(name, in, out, side, side);
    }
}
