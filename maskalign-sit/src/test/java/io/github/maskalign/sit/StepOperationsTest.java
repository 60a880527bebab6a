package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.ImageTensorData;
import io.github.maskalign.core.engine.DeviceCounts;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.core.train.TrainStep;
import java.io.IOException;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** What a training step asks of a GPU, counted on the pretended one, and skipped where there is none. */
class StepOperationsTest {
    private static final int FEW = 3;
    private static final int MANY = 7;

    /** SiT-XL/2 with two mixing layers has 30 blocks: 240 casts in them and 2,070 operations. */
    @Test
    void blockHasEightCastsAndSixtyNineOperations() throws IOException {
        DeviceCounts few = step(FEW, Precision.BFLOAT16, 1);
        DeviceCounts many = step(MANY, Precision.BFLOAT16, 1);

        assertThat(many.casts() - few.casts()).isLessThanOrEqualTo(8 * (MANY - FEW));
        assertThat(many.operations() - few.operations()).isLessThanOrEqualTo(69 * (MANY - FEW));
        assertThat(few.casts()).isLessThanOrEqualTo(8 * FEW + 22); // embedders, head, weights, gradients, report
    }

    @Test
    void float32CastsNothingButTheReport() throws IOException {
        assertThat(step(FEW, Precision.FLOAT32, 1).casts()).isEqualTo(1);
    }

    /** Losses and norm, together; of two micro-batches too. */
    @Test
    void oneReadAStep() throws IOException {
        for (int accumulation : new int[] {1, 2}) {
            DeviceCounts counts = step(FEW, Precision.BFLOAT16, accumulation);
            assertThat(counts.waits()).as(counts.line("step")).isEqualTo(1);
        }
    }

    /** The third step of a model of so many blocks. */
    private static DeviceCounts step(int depth, Precision precision, int accumulation) throws IOException {
        DeviceCounts.now(); // or skipped
        try (NDManager manager = NDManager.newBaseManager(Device.gpu())) {
            SiTObjective objective = SiTTraining.builder()
                    .setModel(SiTConfig.of(6, 2, 3, 24, depth, 3, TinySiT.CLASSES))
                    .setData((draws, kept) -> pictures(draws))
                    .setSteps(4)
                    .setBatch(8)
                    .optPrecision(precision)
                    .buildObjective(manager);
            try (TrainState state = new TrainState(manager, objective.parameters())) {
                TrainStep step = new TrainStep(objective, state, OptimConfig.PAPER, 8, accumulation);
                step.run();
                step.run();
                return DeviceCounts.of(step::run);
            }
        }
    }

    private static ImageTensorData pictures(Draws draws) {
        SplittableRandom random = new SplittableRandom(7);
        byte[][] pixels = new byte[16][3 * 6 * 6];
        int[] labels = new int[16];
        for (int i = 0; i < 16; i++) {
            random.nextBytes(pixels[i]);
            labels[i] = i % TinySiT.CLASSES;
        }
        return new ImageTensorData(pixels, labels, new Shape(3, 6, 6), draws);
    }
}
