package io.github.maskalign.core.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.TrainingData.TrainingBatch;
import io.github.maskalign.core.data.internal.EpochOrder;
import io.github.maskalign.core.data.internal.SampleBuffer;
import io.github.maskalign.core.random.Draws;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class ImageTensorDataTest {
    private static final Shape SHAPE = new Shape(3, 2, 1);

    /** Picture i holds the bytes 40 i, 40 i + 1, …; its label is 100 + i. */
    private static ImageTensorData pictures(int count, long seed) {
        byte[][] pixels = new byte[count][6];
        int[] labels = new int[count];
        for (int i = 0; i < count; i++) {
            labels[i] = 100 + i;
            for (int k = 0; k < 6; k++) {
                pixels[i][k] = (byte) (40 * i + k);
            }
        }
        return new ImageTensorData(pixels, labels, SHAPE, new Draws(seed));
    }

    @Test
    void batchThatNoArrayCanHoldIsRefused() {
        assertThatThrownBy(() -> pictures(5, 3).read(0, 2_000_000_000))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("2000000000 samples of 6 are more; choose a smaller batch");
    }

    @Test
    void latentsLabelsAndImagesBelongTogether() {
        EpochOrder order = new EpochOrder(new Draws(3), 5);
        try (NDManager manager = NDManager.newBaseManager()) {
            TrainingBatch batch = pictures(5, 3).batch(manager, 4, 3); // over the end of epoch 0
            NDArray images = Objects.requireNonNull(batch.images());

            assertThat(batch.latents().getShape()).isEqualTo(new Shape(3, 3, 2, 1));
            assertThat(batch.latents().getDataType()).isEqualTo(DataType.FLOAT32);
            assertThat(images.getDataType()).isEqualTo(DataType.UINT8);
            int[] bytes = images.toUint8Array();
            float[] values = batch.latents().toFloatArray();
            for (int i = 0; i < 3; i++) {
                int index = order.indexAt(4 + i);
                assertThat(batch.labels().getLong(i)).isEqualTo(100 + index);
                for (int k = 0; k < 6; k++) {
                    assertThat(bytes[6 * i + k]).isEqualTo(40 * index + k);
                    assertThat(values[6 * i + k]).isEqualTo((40 * index + k) / 127.5f - 1);
                }
            }
        }
    }

    @Test
    void samplesDoNotDependOnTheSplitIntoBatches() {
        ImageTensorData data = pictures(5, 9);
        try (NDManager manager = NDManager.newBaseManager()) {
            float[] whole = data.batch(manager, 0, 12).latents().toFloatArray();
            int at = 0;
            for (int count : new int[] {1, 4, 7}) {
                float[] part = data.batch(manager, at, count).latents().toFloatArray();
                assertThat(part).containsExactly(Arrays.copyOfRange(whole, 6 * at, 6 * (at + count)));
                at += count;
            }
        }
    }

    @Test
    void sizesThatDoNotFitAreRefused() {
        Draws draws = new Draws(1);
        assertThatThrownBy(() -> new ImageTensorData(new byte[2][6], new int[3], SHAPE, draws))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("2 pictures but 3 labels");
        assertThatThrownBy(() -> new ImageTensorData(new byte[][] {new byte[6], new byte[5]}, new int[2], SHAPE, draws))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("picture 1 must have 6 bytes but has 5");
        assertThatThrownBy(() -> new SampleBuffer(new float[5], new Shape(2, 3), new long[2]))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("latents must be 2 rows of shape (2, 3) but there are 5 values");
        SampleBuffer good = new SampleBuffer(new float[6], new Shape(2, 3), new long[2]);
        assertThatThrownBy(() -> good.withImages(new byte[5], new Shape(2, 3)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("images must be 2 rows of shape (2, 3) but there are 5 values");
        assertThatThrownBy(() -> good.withTokens(new float[6], new Shape(3, 2)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("tokens must be 2 rows");
    }

    @Test
    void flipsMirrorLatentsAndImagesByPosition() {
        Shape wide = new Shape(3, 1, 2);
        ImageTensorData plain = new ImageTensorData(
                (index, target, offset) -> {
                    for (int k = 0; k < 6; k++) {
                        target[offset + k] = (byte) (40 * index + k);
                    }
                },
                new int[5],
                wide,
                new Draws(9));
        ImageTensorData flipped = plain.withFlips();
        int mirrored = 0;
        try (NDManager manager = NDManager.newBaseManager()) {
            int[] before = images(plain.batch(manager, 0, 200));
            TrainingBatch batch = flipped.batch(manager, 0, 200);
            int[] after = images(batch);
            float[] values = batch.latents().toFloatArray();
            int[] late = images(flipped.batch(manager, 150, 50));
            for (int i = 0; i < 200; i++) {
                boolean turned = new Draws(9).at(Draws.RandomStream.FLIP, i).nextLong() < 0;
                mirrored += turned ? 1 : 0;
                for (int k = 0; k < 6; k++) {
                    assertThat(after[6 * i + k]).isEqualTo(before[6 * i + (turned ? k ^ 1 : k)]);
                    assertThat(values[6 * i + k]).isEqualTo(after[6 * i + k] / 127.5f - 1);
                    if (i >= 150) {
                        assertThat(late[6 * (i - 150) + k]).isEqualTo(after[6 * i + k]);
                    }
                }
            }
        }
        assertThat(mirrored).isBetween(70, 130); // of 200, half expected: 4 standard deviations
    }

    private static int[] images(TrainingBatch batch) {
        return Objects.requireNonNull(batch.images()).toUint8Array();
    }
}
