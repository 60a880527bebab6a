package io.github.maskalign.core.script.internal;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.DeviceCounts;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Packed arrays on a device: one copy for each type, which the host does not wait for, and nothing else. */
@Tag("fakegpu")
class PackedUploadTest {
    @Test
    void oneCopyBringsAllArraysOfAType() {
        try (NDManager gpu = NDManager.newBaseManager(Device.gpu());
                PackedArrays packed = PackedArrays.builder()
                        .add("a", new Shape(2, 3), new float[] {1, 2, 3, 4, 5, 6})
                        .add("b", new Shape(3), new float[] {7, 8, 9})
                        .add("labels", new Shape(2), new long[] {5, -5})
                        .add("kept", new Shape(1, 2), new long[] {3, 4})
                        .pack(Device.gpu())) {
            Map<String, NDArray> found = new HashMap<>();

            DeviceCounts counts = DeviceCounts.of(() -> found.putAll(packed.unpack(gpu)));

            assertThat(counts.pinnedUploads()).isEqualTo(2);
            assertThat(counts.uploads()).isZero();
            assertThat(counts.operations()).isZero();
            assertThat(counts.waits()).isZero();
            packed.close(); // the copies have been begun
            assertThat(found.get("a").getDevice().isGpu()).isTrue();
            assertThat(found.get("a").toFloatArray()).containsExactly(1, 2, 3, 4, 5, 6);
            assertThat(found.get("b").toFloatArray()).containsExactly(7, 8, 9);
            assertThat(found.get("labels").toLongArray()).containsExactly(5, -5);
            assertThat(found.get("kept").getShape()).isEqualTo(new Shape(1, 2));
        }
    }
}
