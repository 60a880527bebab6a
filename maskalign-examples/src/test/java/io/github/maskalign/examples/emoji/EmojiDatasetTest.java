package io.github.maskalign.examples.emoji;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Blocks;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.Batch;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmojiDatasetTest {
    @TempDir
    static Path cache;

    private EmojiSet pictures;

    @BeforeEach
    void open() throws Exception {
        pictures = EmojiSet.open(
                new EmojiConfig(List.of("noto", "twemoji"), 9, false, false),
                cache,
                EmojiProgress.silent(),
                5,
                () -> PublishedSets.ALL);
    }

    private EmojiDataset dataset(int batch, boolean shuffled) {
        return EmojiDataset.builder()
                .setPictures(pictures)
                .setSampling(batch, shuffled)
                .build();
    }

    @Test
    void batchesHoldPicturesAndLabelsInOrder() throws Exception {
        List<Float> values = new ArrayList<>();
        List<Long> labels = new ArrayList<>();
        try (NDManager manager = NDManager.newBaseManager()) {
            for (Batch batch : dataset(4, false).getData(manager)) {
                NDArray x = batch.getData().singletonOrThrow();
                NDArray y = batch.getLabels().singletonOrThrow();
                assertThat(x.getDataType()).isEqualTo(DataType.FLOAT32);
                assertThat(y.getDataType()).isEqualTo(DataType.INT64);
                assertThat(x.getShape()).isEqualTo(new Shape(batch.getSize(), 3, 9, 9));
                assertThat(y.getShape()).isEqualTo(new Shape(batch.getSize()));
                for (float value : x.toFloatArray()) {
                    values.add(value);
                }
                for (long label : y.toLongArray()) {
                    labels.add(label);
                }
                batch.close();
            }
        }

        assertThat(labels).hasSize(10);
        for (int i = 0; i < 10; i++) {
            assertThat(labels.get(i)).isEqualTo(pictures.entry(i).label());
            byte[] bytes = pictures.pixels(i);
            for (int k = 0; k < bytes.length; k++) {
                assertThat(values.get(bytes.length * i + k)).isEqualTo((bytes[k] & 255) / 127.5f - 1);
            }
        }
    }

    @Test
    void djlsTrainerTrainsOnIt() throws Exception {
        SequentialBlock block = new SequentialBlock()
                .add(Blocks.batchFlattenBlock())
                .add(Linear.builder().setUnits(8).build());
        DefaultTrainingConfig config = new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                .optOptimizer(Optimizer.sgd()
                        .setLearningRateTracker(Tracker.fixed(0.02f))
                        .build());
        try (Model model = Model.newInstance("probe")) {
            model.setBlock(block);
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(new Shape(1, 3, 9, 9));
                float first = loss(trainer);
                for (int epoch = 0; epoch < 20; epoch++) {
                    for (Batch batch : trainer.iterateDataset(dataset(5, true))) {
                        EasyTrain.trainBatch(trainer, batch);
                        trainer.step();
                        batch.close();
                    }
                }
                assertThat(loss(trainer)).isLessThan(first / 2);
            }
        }
    }

    private float loss(Trainer trainer) throws Exception {
        Batch batch =
                dataset(10, false).getData(trainer.getManager()).iterator().next();
        NDArray loss = trainer.getLoss().evaluate(batch.getLabels(), trainer.evaluate(batch.getData()));
        float value = loss.getFloat();
        batch.close();
        return value;
    }

    @Test
    void picturesMustBeSet() {
        assertThatThrownBy(() -> EmojiDataset.builder().setSampling(2, false).build())
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("pictures must be set");
    }
}
