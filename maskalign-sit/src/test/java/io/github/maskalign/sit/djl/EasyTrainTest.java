package io.github.maskalign.sit.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.Batch;
import ai.djl.training.listener.TrainingListenerAdapter;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.data.ImageTensorData;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.train.Objective.StepLosses;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTLoss.SiTLosses;
import io.github.maskalign.sit.SiTObjective;
import io.github.maskalign.sit.SiTTraining;
import io.github.maskalign.sit.TinySiT;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** DJL's trainer computes the losses and gradients of our own step, and EasyTrain learns with them. */
class EasyTrainTest {
    private static final int BATCH = 4;
    private static final int PICTURES = 10;

    static Stream<Arguments> configs() {
        SubsetConfig half = SubsetConfig.defaults().withRatio(0.5);
        return Stream.of(
                Arguments.of("sit", TinySiT.plain()),
                Arguments.of("repa", TinySiT.repa()),
                Arguments.of("reg", TinySiT.reg()),
                Arguments.of("reg without null class", TinySiT.reg().withOptions(4, 0, false, false)),
                Arguments.of("maskalign", TinySiT.maskAlign().withSubset(half)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("configs")
    void lossAndGradientsAreThoseOfOurStep(String name, SiTConfig config) throws IOException {
        try (Model model = Model.newInstance("sit", Device.cpu());
                Encoder encoder = new Encoder()) {
            SiTObjective objective = objective(model, config, encoder);
            TinySiT.move(objective.model(), model.getNDManager()); // a fresh model's gates are shut
            model.setBlock(objective.model());
            SiTTrainerLoss loss = new SiTTrainerLoss(objective);
            SiTDataset data = new SiTDataset(objective, BATCH, 3);
            try (Trainer trainer = model.newTrainer(config(loss));
                    NDManager scratch = model.getNDManager().newSubManager()) {
                StepLosses own;
                Map<String, Parameter> trained = new LinkedHashMap<>(objective.parameters());
                trained.values().removeIf(parameter -> !parameter.requiresGradient());
                NDList weights = new NDList();
                trained.values().forEach(parameter -> weights.add(parameter.getArray()));
                NDList expected;
                try (GradMode on = GradMode.on()) {
                    own = objective.loss(scratch, 3, 3 * BATCH, BATCH);
                    expected = Autograd.gradients(own.total(), weights, scratch);
                }

                try (Batch batch = data.getData(trainer.getManager()).iterator().next()) {
                    SiTLosses parts;
                    try (GradientCollector collector = trainer.newGradientCollector()) {
                        NDList out = trainer.forward(batch.getData(), batch.getLabels());
                        parts = loss.losses(batch.getLabels(), out);
                        collector.backward(parts.total());
                    }
                    assertThat(parts.total().getFloat()).isEqualTo(own.total().getFloat());
                    parts.parts()
                            .forEach((part, value) -> assertThat(value.getFloat())
                                    .as(part)
                                    .isEqualTo(own.parts().get(part).getFloat()));
                }
                int i = 0;
                for (Map.Entry<String, Parameter> parameter : trained.entrySet()) {
                    try (NDArray gradient = parameter.getValue().getArray().getGradient()) {
                        assertThat(gradient.toFloatArray())
                                .as(parameter.getKey())
                                .isEqualTo(expected.get(i++).toFloatArray());
                    }
                }
                assertThat(i).isGreaterThan(20);
                assertThat(data.step()).isEqualTo(4);
            }
        }
    }

    @Test
    void easyTrainLearnsWithASubset() throws Exception {
        SiTConfig config = TinySiT.maskAlign().withSubset(SubsetConfig.defaults());
        List<Float> losses = new ArrayList<>();
        try (Model model = Model.newInstance("sit", Device.cpu());
                Encoder encoder = new Encoder()) {
            SiTObjective objective = objective(model, config, encoder);
            model.setBlock(objective.model());
            SiTDataset data = new SiTDataset(objective, BATCH);
            DefaultTrainingConfig how = config(new SiTTrainerLoss(objective))
                    .addTrainingListeners(new TrainingListenerAdapter() {
                        @Override
                        public void onTrainingBatch(Trainer trainer, BatchData batch) {
                            NDList labels = batch.getLabels().get(Device.cpu());
                            NDList out = batch.getPredictions().get(Device.cpu());
                            losses.add(trainer.getLoss().evaluate(labels, out).getFloat());
                        }
                    });
            try (Trainer trainer = model.newTrainer(how)) {
                EasyTrain.fit(trainer, 30, data, null);
            }
            assertThat(data.step()).isEqualTo(60); // 10 pictures fill 2 batches of 4
        }

        assertThat(losses).hasSize(60);
        assertThat(mean(losses.subList(50, 60))).isLessThan(mean(losses.subList(0, 10)) - 0.2);
    }

    @Test
    void refusesNoBatch() throws IOException {
        try (Model model = Model.newInstance("sit", Device.cpu());
                Encoder encoder = new Encoder()) {
            SiTObjective objective = objective(model, TinySiT.plain(), encoder);

            assertThatThrownBy(() -> new SiTDataset(objective, 0)).hasMessageContaining("but were 0 and 0");
            assertThatThrownBy(() -> new SiTDataset(objective, 1, -1)).hasMessageContaining("but were 1 and -1");
        }
    }

    private static double mean(List<Float> values) {
        return values.stream().mapToDouble(Float::doubleValue).average().orElseThrow();
    }

    private static DefaultTrainingConfig config(SiTTrainerLoss loss) {
        return new DefaultTrainingConfig(loss)
                .optDevices(new Device[] {Device.cpu()})
                .optOptimizer(Optimizer.adam()
                        .optLearningRateTracker(Tracker.fixed(3e-3f))
                        .build());
    }

    private static SiTObjective objective(Model model, SiTConfig config, Encoder encoder) throws IOException {
        byte[][] pictures = new byte[PICTURES][3 * 6 * 6];
        int[] classes = new int[PICTURES];
        SplittableRandom random = new SplittableRandom(5);
        for (int i = 0; i < PICTURES; i++) {
            random.nextBytes(pictures[i]);
            classes[i] = i % TinySiT.CLASSES;
        }
        SiTTraining.Builder training = SiTTraining.builder()
                .setModel(config)
                .setData((draws, kept) -> new ImageTensorData(pictures, classes, new Shape(3, 6, 6), draws))
                .setSteps(100)
                .setBatch(BATCH);
        if (config.needsEncoder()) {
            training.optEncoder(encoder);
        }
        return training.buildObjective(model.getNDManager());
    }

    /** Tokens that are a simple function of the bytes of their patch of 2 × 2 pixels. */
    private static final class Encoder implements RepresentationEncoder {
        @Override
        public EncoderTokens encode(NDArray images) {
            int n = Math.toIntExact(images.getShape().get(0));
            byte[] bytes = images.toByteArray();
            float[] patches = new float[n * TinySiT.T * TinySiT.ENCODER];
            float[] token = new float[n * TinySiT.ENCODER];
            for (int k = 0; k < patches.length; k++) {
                patches[k] = (float) Math.sin(k + bytes[k % bytes.length]);
                token[k % token.length] += patches[k];
            }
            return new EncoderTokens(
                    OwnedArrays.of(images.getManager(), new Shape(n, TinySiT.ENCODER), token),
                    OwnedArrays.of(images.getManager(), new Shape(n, TinySiT.T, TinySiT.ENCODER), patches));
        }

        @Override
        public int width() {
            return TinySiT.ENCODER;
        }

        @Override
        public int tokens(int imageSize) {
            return TinySiT.T;
        }

        @Override
        public void close() {
            // owns nothing
        }
    }
}
