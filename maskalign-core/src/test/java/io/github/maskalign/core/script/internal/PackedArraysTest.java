package io.github.maskalign.core.script.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.internal.TensorAddress;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class PackedArraysTest {
    private static PackedArrays.Builder odd() {
        return PackedArrays.builder()
                .add("bytes", new Shape(3), new byte[] {1, -1, 127})
                .add("floats", new Shape(2, 1, 3), new float[] {1, 2, 3, 4, 5, -0.5f})
                .add("none", new Shape(0, 4), new float[0])
                .add("longs", new Shape(1, 2), new long[] {Long.MIN_VALUE, 7})
                .add("doubles", new Shape(2), new double[] {Math.PI, Double.MIN_VALUE})
                .add("one", new Shape(), new float[] {8});
    }

    @Test
    void arraysKeepTypeShapeAndBitsInOneBlockOfEachType() {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu())) {
            Map<String, NDArray> found;
            try (PackedArrays packed = odd().pack(Device.cpu())) {
                assertThat(packed.blocks()).isEqualTo(4);
                found = packed.unpack(manager);
            } // views outlive their block

            assertThat(found.keySet()).containsExactly("bytes", "floats", "none", "longs", "doubles", "one");
            assertThat(found.get("bytes").toByteArray()).containsExactly(1, -1, 127);
            assertThat(found.get("bytes").getDataType()).isEqualTo(DataType.UINT8);
            assertThat(found.get("floats").toFloatArray()).containsExactly(1, 2, 3, 4, 5, -0.5f);
            assertThat(found.get("floats").getShape()).isEqualTo(new Shape(2, 1, 3));
            assertThat(found.get("none").getShape()).isEqualTo(new Shape(0, 4));
            assertThat(found.get("longs").toLongArray()).containsExactly(Long.MIN_VALUE, 7);
            assertThat(found.get("doubles").toDoubleArray()).containsExactly(Math.PI, Double.MIN_VALUE);
            assertThat(found.get("one").getShape()).isEqualTo(new Shape());
            assertThat(found.get("one").getFloat()).isEqualTo(8);
            assertThat(found.values())
                    .allSatisfy(array -> assertThat(array.getManager()).isSameAs(manager));
        }
    }

    @Test
    void arraysBeginWhereTheEngineWouldLayThem() {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu());
                PackedArrays packed = odd().pack(Device.cpu())) {
            TensorAddress addresses = TensorAddress.open(manager);
            Map<String, NDArray> found = packed.unpack(manager);
            for (String name : new String[] {"bytes", "floats", "longs", "doubles"}) {
                long address = com.sun.jna.Pointer.nativeValue(addresses.of(found.get(name)));
                assertThat(address % 64).as(name).isZero();
            }
        }
    }

    @Test
    void whatOneBufferCannotShowGoesIntoSeveralBlocks() {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu());
                PackedArrays packed = PackedArrays.builder(128)
                        .add("a", new Shape(16), new float[16]) // 64 bytes
                        .add("b", new Shape(2), new float[] {3, 4}) // begins at 64
                        .add("c", new Shape(40), new float[40]) // larger than a block
                        .add("d", new Shape(1), new float[] {5})
                        .pack(Device.cpu())) {
            assertThat(packed.blocks()).isEqualTo(3);
            Map<String, NDArray> found = packed.unpack(manager);
            assertThat(found.keySet()).containsExactly("a", "b", "c", "d");
            assertThat(found.get("b").toFloatArray()).containsExactly(3, 4);
            assertThat(found.get("c").getShape()).isEqualTo(new Shape(40));
            assertThat(found.get("d").toFloatArray()).containsExactly(5);
        }
    }

    @Test
    void anotherThreadMayPack() {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu());
                PackedArrays packed = CompletableFuture.supplyAsync(() -> odd().pack(Device.cpu()))
                        .join()) {
            assertThat(packed.unpack(manager).get("floats").toFloatArray()).containsExactly(1, 2, 3, 4, 5, -0.5f);
        }
    }

    @Test
    void nothingIsLeftBehind() {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu())) {
            NDManager system = manager.getParentManager();
            odd().pack(Device.cpu()).close();
            int before = system.getManagedArrays().size();
            for (int i = 0; i < 20; i++) {
                try (NDManager step = manager.newSubManager();
                        PackedArrays packed = odd().pack(Device.cpu())) {
                    packed.unpack(step);
                }
            }
            assertThat(system.getManagedArrays()).hasSize(before);
        }
    }

    @Test
    void valuesThatDoNotFitAreRefused() {
        assertThatThrownBy(() -> PackedArrays.builder().add("t", new Shape(3), new float[2]))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("t of shape (3) has 3 elements but 2 values");
        assertThatThrownBy(() -> odd().add("one", new Shape(), new float[1]))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("two arrays of the name one");
    }
}
