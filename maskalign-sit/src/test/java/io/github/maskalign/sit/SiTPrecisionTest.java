package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.engine.LeakCheck;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Rounding, repetition and memory of whole training steps, and weights of models that predict sigma. */
@Tag("bits")
@Tag("device")
class SiTPrecisionTest {
    private static final int SEED = 41;

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
        manager.getEngine().setRandomSeed(SEED);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void bfloat16RoundsOutputsAndGradientsButStaysFloat32() {
        SiT exact = TinySiT.moved(TinySiT.maskAlign(), manager);
        SiT rounded = TinySiT.fresh(TinySiT.maskAlign(), Precision.BFLOAT16, manager);
        Weights.copyInto(rounded, Weights.of(exact));
        NDArray keep = TinySiT.keepFive(manager);
        SiTInput in = TinySiT.input(exact.config(), manager, keep);
        SiTLossInput lossIn = TinySiT.lossInput(exact.config(), manager, keep);

        NDList expected = TinySiT.run(exact, in).toNDList();
        NDList found = TinySiT.run(rounded, in).toNDList();
        NDList gradients = gradients(rounded, lossIn, manager);
        NDList exactGradients = gradients(exact, lossIn, manager);

        for (int i = 0; i < found.size(); i++) {
            assertThat(found.get(i).getDataType()).isEqualTo(DataType.FLOAT32);
            // bfloat16 keeps 8 bits, 4e-3 a product; five layers of them
            assertThat(GoldenCase.relativeError(found.get(i), expected.get(i))).isBetween(1e-4, 3e-2);
        }
        Weights.of(rounded)
                .forEach((key, array) -> assertThat(array.getDataType()).as(key).isEqualTo(DataType.FLOAT32));
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < gradients.size(); i++) {
            assertThat(gradients.get(i).getDataType()).isEqualTo(DataType.FLOAT32);
            assertThat(gradients.get(i).isNaN().any().getBoolean()).isFalse();
            assertThat(gradients.get(i).isInfinite().any().getBoolean()).isFalse();
            difference +=
                    gradients.get(i).sub(exactGradients.get(i)).square().sum().getFloat();
            norm += exactGradients.get(i).square().sum().getFloat();
        }
        assertThat(Math.sqrt(difference / norm)).isLessThan(5e-2); // twice the layers of the forward pass
    }

    @ParameterizedTest
    @EnumSource(Precision.class)
    void repeatedStepsGiveEqualBits(Precision precision) {
        SiT model = TinySiT.fresh(TinySiT.maskAlign(), precision, manager);
        TinySiT.move(model, manager);
        SiTLossInput in = TinySiT.lossInput(model.config(), manager, TinySiT.keepFive(manager));
        List<float[]> first = new ArrayList<>();

        for (int i = 0; i < 4; i++) {
            try (NDManager step = manager.newSubManager()) {
                NDList gradients = gradients(model, in, step);
                for (int k = 0; k < gradients.size(); k++) {
                    float[] values = gradients.get(k).toFloatArray();
                    if (i == 0) {
                        first.add(values);
                    } else {
                        assertThat(values).isEqualTo(first.get(k));
                    }
                }
            }
        }
    }

    @Test
    void garbageCollectionInTheMiddleChangesNothing() {
        SiT model = TinySiT.moved(
                TinySiT.maskAlign().withAlignment(2, 20, List.of(TinySiT.ENCODER, TinySiT.ENCODER)), manager);
        SiTLossInput one = TinySiT.lossInput(model.config(), manager, TinySiT.keepFive(manager));
        SiTLossInput in = withSecondEncoder(one);
        List<float[]> expected = new ArrayList<>();
        gradients(model, in, manager).forEach(array -> expected.add(array.toFloatArray()));

        try (GradMode recording = GradMode.on()) {
            NDArray loss = loss(model, copy(in)); // nothing but the graph holds the batch
            garbage();
            NDList gradients = Autograd.gradients(loss, Weights.trainable(model), manager);
            garbage();

            for (int i = 0; i < expected.size(); i++) {
                assertThat(gradients.get(i).toFloatArray()).isEqualTo(expected.get(i));
            }
        }
    }

    @Test
    void stepsLeaveNoArraysOnTheModelsManager() {
        SiTConfig shallow = SiTConfig.of(6, 2, 3, 24, 1, 3, TinySiT.CLASSES)
                .withAlignment(1, 20, List.of(TinySiT.ENCODER))
                .withClassToken(TinySiT.ENCODER)
                .withMixer(new MixerConfig(1, 0, 0, 4, MixerConfig.Conditioning.ADALN_ZERO))
                .withPlacement(SubsetPlacement.DROP, 0, 0);
        SiT model = TinySiT.moved(shallow, manager);
        try (NDManager batches = NDManager.newBaseManager()) {
            LeakCheck.constantCount(manager, 30, step -> {
                NDArray keep = TinySiT.keepFive(step);
                gradients(model, TinySiT.lossInput(model.config(), step, keep), step);
            });
            LeakCheck.constantCount(
                    manager,
                    10,
                    step -> TinySiT.run(model, TinySiT.input(model.config(), batches, TinySiT.keepFive(batches))));
        }
    }

    @Test
    void velocityRowsOfASigmaModelAreThoseOfTheFirstChannels() {
        SiT sigma = TinySiT.moved(TinySiT.plain().withOptions(4, 0.1, false, true), manager);
        SiT plain = TinySiT.fresh(TinySiT.plain(), manager);
        Map<String, NDArray> values = new LinkedHashMap<>(Weights.of(sigma));
        long[] rows = new long[12]; // k = (a p + b) 2C + c with c < C: k mod 2C < C, for C = 3
        for (int k = 0, i = 0; k < 24; k++) {
            if (k % 6 < 3) {
                rows[i++] = k;
            }
        }
        NDArray index = TinySiT.labels(manager, rows);
        values.compute("final_layer.linear.weight", (key, all) -> all.get(index));
        values.compute("final_layer.linear.bias", (key, all) -> all.get(index));
        Weights.copyInto(plain, values);
        SiTInput in = TinySiT.input(plain.config(), manager, null);

        NDArray found = TinySiT.run(sigma, in).velocity();

        assertThat(Weights.of(sigma).get("final_layer.linear.weight").getShape().get(0))
                .isEqualTo(24);
        NDArray expected = TinySiT.run(plain, in).velocity();
        assertThat(found.getShape()).isEqualTo(expected.getShape());
        // the products are the same, their blocks in the matrix product are not
        assertThat(GoldenCase.relativeError(found, expected)).isLessThan(1e-6);
    }

    private static NDArray loss(SiT model, SiTLossInput in) {
        return new SiTLoss(model, Interpolant.LINEAR, 0.03, 0.5)
                .compute(new ParameterStore(in.clean().getManager(), false), in)
                .total();
    }

    private static NDList gradients(SiT model, SiTLossInput in, NDManager owner) {
        try (GradMode recording = GradMode.on()) {
            return Autograd.gradients(loss(model, in), Weights.trainable(model), owner);
        }
    }

    private static SiTLossInput withSecondEncoder(SiTLossInput in) {
        NDArray target = in.targets().get(0);
        return new SiTLossInput(
                in.clean(),
                in.noise(),
                in.t(),
                in.y(),
                List.of(target, target.flip(1)),
                in.classNoise(),
                in.keep(),
                in.dropped(),
                SiTLossInput.Context.FIRST);
    }

    private static SiTLossInput copy(SiTLossInput in) {
        NDArray keep = in.keep();
        NDArray classNoise = in.classNoise();
        return new SiTLossInput(
                in.clean().duplicate(),
                in.noise().duplicate(),
                in.t().duplicate(),
                in.y().duplicate(),
                in.targets().stream().map(NDArray::duplicate).toList(),
                classNoise == null ? null : classNoise.duplicate(),
                keep == null ? null : keep.duplicate(),
                null,
                SiTLossInput.Context.FIRST);
    }

    /** Frees what nobody holds, native memory of buffers included, and writes over it. */
    private static void garbage() {
        for (int i = 0; i < 3; i++) {
            System.gc();
            try {
                Thread.sleep(20); // the thread that frees direct buffers needs its turn
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            for (int k = 0; k < 200; k++) {
                ByteBuffer filler = ByteBuffer.allocateDirect(16 + k);
                while (filler.hasRemaining()) {
                    filler.put((byte) 0x7f);
                }
            }
        }
    }
}
