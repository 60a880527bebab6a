package io.github.maskalign.core.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.modality.cv.Image;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.dataset.RandomAccessDataset;
import ai.djl.training.dataset.Record;
import ai.djl.util.Progress;
import io.github.maskalign.core.data.TrainingData.TrainingBatch;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.random.Draws;
import java.util.Arrays;
import java.util.function.BiFunction;
import org.junit.jupiter.api.Test;

/** Records of DJL's data sets in our order, to the bit those of pictures in memory. */
class RandomAccessDataTest {
    private static final int COUNT = 7;
    private static final int WIDTH = 3;
    private static final int HEIGHT = 2;

    @Test
    void picturesClassesAndOrderAreThoseOfPicturesInMemory() throws Exception {
        byte[][] planes = new byte[COUNT][];
        int[] classes = new int[COUNT];
        for (int i = 0; i < COUNT; i++) {
            planes[i] = picture(i).toPlanar();
            classes[i] = i % 3;
        }
        Draws draws = new Draws(11);
        ImageTensorData expected = new ImageTensorData(planes, classes, new Shape(3, HEIGHT, WIDTH), draws);
        Records interleaved =
                new Records((manager, i) -> new NDList(picture(i).toImage().toNDArray(manager, Image.Flag.COLOR)));
        Records floats = new Records(
                (manager, i) -> new NDList(manager.create(picture(i).toPlanar(), new Shape(3, HEIGHT, WIDTH))
                        .toType(DataType.UINT8, true)
                        .toType(DataType.FLOAT32, true)
                        .div(255)));

        for (Records records : new Records[] {interleaved, floats}) {
            RandomAccessData data = new RandomAccessData(records, 3, draws);
            try (NDManager manager = NDManager.newBaseManager(Device.cpu());
                    ReadAheadData ahead = new ReadAheadData(data, 2)) {
                assertThat(data.size()).isEqualTo(COUNT);
                assertThat(data.classes()).isEqualTo(3);
                for (long first = 0; first < 16; first += 4) { // over the ends of two epochs
                    TrainingBatch wanted = expected.batch(manager, first, 4);
                    TrainingBatch found = ahead.batch(manager, first, 4);
                    assertThat(found.latents().getShape()).isEqualTo(new Shape(4, 3, HEIGHT, WIDTH));
                    assertThat(found.latents().toFloatArray())
                            .isEqualTo(wanted.latents().toFloatArray());
                    assertThat(found.labels().toLongArray())
                            .isEqualTo(wanted.labels().toLongArray());
                    assertThat(found.images().toByteArray())
                            .isEqualTo(wanted.images().toByteArray());
                }
            }
        }
    }

    @Test
    void greyPicturesHaveNoneForAnEncoder() {
        RandomAccessData data = new RandomAccessData(
                new Records((manager, i) -> new NDList(manager.zeros(new Shape(4, 5, 1), DataType.UINT8))),
                3,
                new Draws(0));
        try (NDManager manager = NDManager.newBaseManager(Device.cpu())) {
            TrainingBatch batch = data.batch(manager, 0, 2);

            assertThat(batch.latents().getShape()).isEqualTo(new Shape(2, 1, 4, 5));
            assertThat(batch.latents().toFloatArray()).containsOnly(-1f);
            assertThat(batch.images()).isNull();
        }
    }

    @Test
    void recordsThatDoNotFitAreNamed() {
        refused((manager, i) -> new NDList(manager.zeros(new Shape(4, 5), DataType.UINT8)), "was uint8 (4, 5)");
        refused((manager, i) -> new NDList(manager.ones(new Shape(3, 2, 2)).mul(2)), "is in [2.0, 2.0]");
        refused((manager, i) -> new NDList(manager.zeros(new Shape(3, 2, 2)).sub(1)), "must be in [0, 1]");
        refused((manager, i) -> new NDList(manager.zeros(new Shape(2, 2 + i, 3), DataType.UINT8)), "one size");
        refused((manager, i) -> new NDList(), "has no picture");
        assertThatThrownBy(() -> new RandomAccessData(new Records((m, i) -> new NDList()), 0, new Draws(0)))
                .hasMessage("classes must be at least 1 but was 0");
        try (NDManager manager = NDManager.newBaseManager(Device.cpu())) {
            Records records = new Records((own, i) -> new NDList(own.zeros(new Shape(2, 2, 3), DataType.UINT8)));
            assertThatThrownBy(() -> new RandomAccessData(records, 2, new Draws(0)).batch(manager, 0, COUNT))
                    .hasMessageContaining("the class must be in [0, 1] but is 2.0");
        }
    }

    private static void refused(BiFunction<NDManager, Integer, NDList> pictures, String problem) {
        RandomAccessData data = new RandomAccessData(new Records(pictures), 3, new Draws(0));
        try (NDManager manager = NDManager.newBaseManager(Device.cpu())) {
            assertThatThrownBy(() -> data.batch(manager, 0, COUNT))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageMatching("record [0-6]( has|:).*")
                    .hasMessageContaining(problem);
        }
    }

    private static Picture picture(int number) {
        byte[] bytes = new byte[3 * WIDTH * HEIGHT];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (number * 53 + i * 17);
        }
        assertThat(Arrays.hashCode(bytes)).isNotZero();
        return Picture.of(WIDTH, HEIGHT, bytes);
    }

    /** A data set of DJL's as a user writes one. */
    private static final class Records extends RandomAccessDataset {
        private final BiFunction<NDManager, Integer, NDList> pictures;

        Records(BiFunction<NDManager, Integer, NDList> pictures) {
            super(new Builder().setSampling(1, false));
            this.pictures = pictures;
        }

        @Override
        public Record get(NDManager manager, long index) {
            NDArray label = manager.create((int) index % 3);
            return new Record(pictures.apply(manager, (int) index), new NDList(label));
        }

        @Override
        protected long availableSize() {
            return COUNT;
        }

        @Override
        public void prepare(Progress progress) {
            // made as they are read
        }
    }

    /** What the constructor of DJL's class asks for. */
    private static final class Builder extends RandomAccessDataset.BaseBuilder<Builder> {
        @Override
        protected Builder self() {
            return this;
        }
    }
}
