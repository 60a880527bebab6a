package io.github.maskalign.core.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.ScriptFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The pretended GPU itself: it computes, refuses what a GPU refuses, and counts what happened. */
@Tag("fakegpu")
class DeviceCountsTest {
    private NDManager gpu;
    private NDManager host;

    @BeforeEach
    void open() {
        gpu = NDManager.newBaseManager(Device.gpu());
        host = NDManager.newBaseManager(Device.cpu());
    }

    @AfterEach
    void close() {
        gpu.close();
        host.close();
    }

    @Test
    void theEngineSeesADevice() {
        assertThat(Engine.getInstance().getGpuCount()).isEqualTo(1);
        assertThat(Engine.getInstance().defaultDevice()).isEqualTo(Device.gpu(0));
        assertThat(gpu.ones(new Shape(2)).getDevice()).isEqualTo(Device.gpu(0));
    }

    @Test
    void copiesAndReadsAreCounted() {
        float[] values = new float[6];
        NDArray[] made = new NDArray[1];

        assertThat(DeviceCounts.of(() -> made[0] = gpu.create(values, new Shape(2, 3))))
                .isEqualTo(counts(0, 0, 0, 0, 1, 24, 0, 0, 0));
        assertThat(DeviceCounts.of(() -> made[0].toFloatArray())).isEqualTo(counts(0, 0, 0, 0, 0, 0, 1, 24, 0));
        assertThat(DeviceCounts.of(() -> made[0].sum().add(1)).operations()).isEqualTo(2);
        assertThat(DeviceCounts.of(() -> call("nonzero", made[0])).valueReads()).isEqualTo(1);
    }

    @Test
    void viewsAreNoOperationsAndShareTheirMemory() {
        NDArray x = gpu.zeros(new Shape(4, 3));

        DeviceCounts looking = DeviceCounts.of(() -> x.transpose().reshape(3, 4).get(1));
        assertThat(looking.operations()).isZero();
        assertThat(looking.views()).isPositive();

        DeviceCounts writing = DeviceCounts.of(() -> x.get("1:3").addi(gpu.ones(new Shape(3))));
        assertThat(writing.inPlace()).isEqualTo(1 + 1); // the ones are filled too
        assertThat(x.sum(new int[] {1}).toFloatArray()).containsExactly(0, 3, 3, 0);
    }

    @Test
    void castsAreCountedApart() {
        NDArray x = gpu.ones(new Shape(3));

        DeviceCounts counts = DeviceCounts.of(() -> call("bfloat16_and_back", x));

        assertThat(counts.operations()).isEqualTo(2);
        assertThat(counts.casts()).isEqualTo(2);
        assertThat(x.toType(DataType.INT64, false).toLongArray()).containsExactly(1, 1, 1);
    }

    @Test
    void onlyPinnedMemoryIsCopiedWithoutWaiting() {
        NDArray plain = host.ones(new Shape(5));
        NDArray pinned = call("pinned", plain);
        NDArray like = gpu.ones(new Shape(1));

        assertThat(call("is_pinned", plain).getFloat(0)).isZero();
        assertThat(call("is_pinned", pinned).getFloat(0)).isOne();
        DeviceCounts waiting = DeviceCounts.of(() -> call("upload", plain, like));
        DeviceCounts going = DeviceCounts.of(() -> call("upload", pinned, like));

        assertThat(waiting.uploads()).isEqualTo(1);
        assertThat(waiting.pinnedUploads()).isZero();
        assertThat(going.uploads()).isZero();
        assertThat(going.pinnedUploads()).isEqualTo(1);
        assertThat(going.pinnedUploadBytes()).isEqualTo(20);
        assertThat(call("upload", pinned, like).toFloatArray()).containsOnly(1);
    }

    @Test
    void arraysOfTwoDevicesAreRefused() {
        NDArray here = host.ones(new Shape(3));
        NDArray there = gpu.ones(new Shape(3));

        for (boolean swapped : new boolean[] {false, true}) {
            assertThatThrownBy(() -> (swapped ? here : there).add(swapped ? there : here))
                    .isInstanceOf(EngineException.class)
                    .hasMessageContaining("Expected all tensors to be on the same device")
                    .hasMessageContaining("cuda:0")
                    .hasMessageContaining("cpu");
        }
        assertThat(there.add(host.create(2f)).toFloatArray()).containsOnly(3); // a number may be anywhere
    }

    @Test
    void gradientsAreThoseOfTheProcessor() {
        float[] expected = gradient(host);

        assertThat(gradient(gpu)).isEqualTo(expected);
        assertThat(expected).doesNotContain(0);
    }

    @Test
    void memoryFollowsAnArrayThatGrows() {
        NDArray grown = call("resized", gpu.ones(new Shape(2)));

        assertThat(grown.getShape()).isEqualTo(new Shape(5, 7));
        assertThat(grown.toFloatArray()).hasSize(35).containsOnly(3);
        NDArray replaced = gpu.zeros(new Shape(3)); // on a GPU "set" gives the array other memory
        replaced.set(new float[] {1, 2, 3});
        assertThat(replaced.toFloatArray()).containsExactly(1, 2, 3);
    }

    private static float[] gradient(NDManager manager) {
        float[] values = new float[24];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) Math.sin(i + 1);
        }
        try (GradMode recording = GradMode.on();
                NDManager scratch = manager.newSubManager()) {
            NDArray w = scratch.create(values, new Shape(4, 6));
            w.setRequiresGradient(true);
            NDArray x = scratch.create(values, new Shape(4, 6)).add(w).softmax(1);
            NDArray loss = x.matMul(w.transpose()).pow(2).mean().add(w.get(1).exp().sum());
            return Autograd.gradients(loss, new NDList(w), scratch).get(0).toFloatArray();
        }
    }

    private static NDArray call(String function, NDArray... arguments) {
        return ScriptFunction.of(DeviceCountsTest.class, "pinned.py", function)
                .callForOne((Object[]) arguments);
    }

    private static DeviceCounts counts(
            long operations,
            long casts,
            long views,
            long inPlace,
            long uploads,
            long uploadBytes,
            long downloads,
            long downloadBytes,
            long valueReads) {
        return new DeviceCounts(
                operations,
                casts,
                views,
                uploads, // one array for each
                inPlace,
                uploads,
                uploadBytes,
                0,
                0,
                downloads,
                downloadBytes,
                0,
                valueReads);
    }
}
