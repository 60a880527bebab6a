package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.files.internal.OwnedArrays;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Tokens and attention that are waves of a picture's mean, and a list of the blocks that were asked for. */
class AttendingEncoder implements RepresentationEncoder {
    static final int BLOCKS = 5;

    final List<List<Integer>> asked = new ArrayList<>();
    private final int width;
    private final int patches;
    private final int heads;

    AttendingEncoder(int width, int patches, int heads) {
        this.width = width;
        this.patches = patches;
        this.heads = heads;
    }

    @Override
    public EncoderTokens encode(NDArray images) {
        return encode(images, List.of());
    }

    @Override
    public EncoderTokens encode(NDArray images, List<Integer> blocks) {
        asked.add(List.copyOf(blocks));
        Map<Integer, NDArray> attention = new LinkedHashMap<>();
        for (int block : blocks) {
            attention.put(block, waves(images, block, new Shape(heads, 1 + patches, 1 + patches)));
        }
        return new EncoderTokens(
                waves(images, 10, new Shape(width)), waves(images, 11, new Shape(patches, width)), attention);
    }

    private static NDArray waves(NDArray images, int kind, Shape shape) {
        NDManager manager = images.getManager();
        int n = Math.toIntExact(images.getShape().get(0));
        int size = Math.toIntExact(shape.size());
        float[] values = new float[n * size];
        for (int i = 0; i < n; i++) {
            float mean = images.get(i).toType(DataType.FLOAT32, false).mean().getFloat();
            for (int k = 0; k < size; k++) {
                values[i * size + k] = (float) (2 * Math.sin(0.7 * k * (1 + kind) + 0.05 * mean));
            }
        }
        return OwnedArrays.of(manager, new Shape(n).addAll(shape), values);
    }

    @Override
    public Optional<AttentionSize> attention() {
        return Optional.of(new AttentionSize(BLOCKS, heads));
    }

    @Override
    public int width() {
        return width;
    }

    @Override
    public int tokens(int imageSize) {
        return patches;
    }

    @Override
    public void close() {}
}
