package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import com.sun.jna.Pointer;
import io.github.maskalign.core.engine.internal.TensorAddress;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OwnedArraysTest {
    @TempDir
    Path folder;

    @Test
    void valuesAndTypesAreAsGiven() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray f = OwnedArrays.of(manager, new Shape(2, 2), new float[] {1, 2, 3, 4});
            NDArray l = OwnedArrays.of(manager, new Shape(3), new long[] {Long.MIN_VALUE, 0, 5});
            NDArray b = OwnedArrays.of(manager, new Shape(2), new byte[] {(byte) 255, 7});
            NDArray scalar = OwnedArrays.of(manager, new Shape(), new float[] {2.5f});
            NDArray empty = OwnedArrays.of(manager, new Shape(2, 0), new float[0]);

            assertThat(f.get(1).toFloatArray()).containsExactly(3, 4);
            assertThat(l.toLongArray()).containsExactly(Long.MIN_VALUE, 0, 5);
            assertThat(b.toUint8Array()).containsExactly(255, 7);
            assertThat(scalar.getFloat()).isEqualTo(2.5f);
            assertThat(empty.getShape()).isEqualTo(new Shape(2, 0));
            assertThatThrownBy(() -> OwnedArrays.of(manager, new Shape(2), new float[3]))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("2 elements but 3 values");
        }
    }

    @Test
    void typesThatEndTheJvmAreRefused() {
        try (NDManager manager = NDManager.newBaseManager()) {
            for (DataType type : new DataType[] {DataType.BFLOAT16, DataType.INT16, DataType.UINT16, DataType.UINT64}) {
                assertThatThrownBy(() -> OwnedArrays.create(manager, new Shape(1), type, m -> {}))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining(type.toString());
            }
        }
    }

    @Test
    void failedFillingLeavesNoArray() {
        try (NDManager manager = NDManager.newBaseManager()) {
            assertThatThrownBy(() -> OwnedArrays.create(manager, new Shape(4), DataType.FLOAT32, memory -> {
                        throw new IOException("read error");
                    }))
                    .hasMessage("read error");
            assertThat(manager.getManagedArrays()).isEmpty();
        }
    }

    @Test
    void overwritingKeepsTheArrayAndItsGradientFlag() throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray weight = manager.ones(new Shape(2, 2));
            weight.setRequiresGradient(true);
            NDArray view = weight.reshape(4);

            TensorSource.of(new Shape(2, 2), new float[] {1, 2, 3, 4}).copyTo(weight);

            assertThat(weight.toFloatArray()).containsExactly(1, 2, 3, 4);
            assertThat(view.toFloatArray()).containsExactly(1, 2, 3, 4); // the same memory
            assertThat(weight.hasGradient()).isTrue();
        }
    }

    @Test
    void arraysOfAGpuAreOverwrittenWhereTheyAre() throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            TensorAddress addresses = TensorAddress.open(manager);
            NDArray weight = manager.ones(new Shape(2, 2));
            weight.setRequiresGradient(true);
            NDArray keptElsewhere = weight.reshape(4);
            NDArray onGpu = PretendedGpuArray.of(weight);
            Pointer before = addresses.of(weight);
            int arrays = manager.getManagedArrays().size();

            TensorSource.of(new Shape(2, 2), new float[] {1, 2, 3, 4}).copyTo(onGpu);

            assertThat(addresses.of(weight)).isEqualTo(before);
            assertThat(keptElsewhere.toFloatArray()).containsExactly(1, 2, 3, 4);
            assertThat(weight.hasGradient()).isTrue();
            assertThat(manager.getManagedArrays()).hasSize(arrays);
        }
    }

    @Test
    void failedReadingLeavesAnArrayOfAGpuAsItWas() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray weight = manager.ones(new Shape(4));

            assertThatThrownBy(() -> OwnedArrays.overwrite(PretendedGpuArray.of(weight), memory -> {
                        memory.putFloat(7);
                        throw new IOException("read error");
                    }))
                    .hasMessage("read error");

            assertThat(weight.toFloatArray()).containsOnly(1f);
        }
    }

    @Test
    void viewsWithOtherStridesAreNotOverwritten() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray base = manager.ones(new Shape(2, 3));

            assertThatThrownBy(
                            () -> TensorSource.of(new Shape(3, 2), new float[6]).copyTo(base.transpose()))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("contiguous");

            assertThat(base.toFloatArray()).containsOnly(1f);
        }
    }

    /**
     * Autograd keeps a tensor that no Java object holds any more. If its memory were Java's, the collector would free
     * it, the buffers allocated meanwhile would overwrite it, and the gradient would be garbage or the JVM dead.
     */
    @Test
    void gradientIsRightAfterTheCollectorRan() throws Exception {
        int size = 1 << 16;
        Path file = folder.resolve("x.safetensors");
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = i;
        }
        SafetensorsWriter.write(
                file, StateDict.ofTensors(Map.of("x", TensorSource.of(new Shape(size), values))), Map.of());
        try (SafetensorsFile f = SafetensorsFile.open(file);
                NDManager manager = NDManager.newBaseManager()) {
            NDArray weight = OwnedArrays.of(manager, new Shape(size), new float[size]);
            NDArray copied = manager.ones(new Shape(size));
            weight.setRequiresGradient(true);
            for (int round = 0; round < 10; round++) {
                try (NDManager step = manager.newSubManager();
                        GradientCollector collector = Engine.getInstance().newGradientCollector()) {
                    NDArray loss = lossOf(f, step, weight, copied, values);
                    collectAndOverwrite();
                    collector.backward(loss);
                    NDArray gradient = weight.getGradient();
                    gradient.attach(step);
                    // d/dw sum(w·x + w·x' + w·copied) with all three equal to 0, 1, 2, ...
                    float[] found = gradient.toFloatArray();
                    for (int i = 0; i < size; i++) {
                        assertThat(found[i]).isEqualTo(3f * i);
                    }
                    collector.zeroGradients();
                }
            }
        }
    }

    private static NDArray lossOf(SafetensorsFile f, NDManager step, NDArray weight, NDArray copied, float[] values)
            throws IOException {
        f.tensor("x").copyTo(copied);
        try (NDArray x = f.read("x", step);
                NDArray again = OwnedArrays.of(step, new Shape(values.length), values)) {
            NDArray sum = weight.mul(x).add(weight.mul(again)).add(weight.mul(copied));
            sum.attach(step);
            NDArray loss = sum.sum();
            loss.attach(step);
            return loss;
        }
    }

    private static void collectAndOverwrite() throws InterruptedException {
        List<ByteBuffer> buffers = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            System.gc();
            Thread.sleep(5);
            for (int k = 0; k < 20; k++) {
                ByteBuffer buffer = ByteBuffer.allocateDirect(4 << 16);
                while (buffer.hasRemaining()) {
                    buffer.putLong(-1);
                }
                buffers.add(buffer);
            }
        }
        assertThat(buffers).hasSize(60);
    }
}
