package io.github.maskalign.core.engine.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.sun.jna.Native;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@EnabledOnOs(OS.LINUX)
class TensorAddressTest {
    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "FLOAT64", "INT64", "INT32", "INT8", "UINT8"})
    void isWhereTheElementsAre(DataType type) {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray array = manager.zeros(new Shape(3, 5), type);

            assertThat(TensorAddress.open(manager).of(array))
                    .isEqualTo(Native.getDirectBufferPointer(array.toByteBuffer(true)));
        }
    }

    @Test
    void aPartOfAnArrayLiesInsideIt() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray array = manager.ones(new Shape(4, 3));
            TensorAddress addresses = TensorAddress.open(manager);

            assertThat(addresses.of(array.get("1:")))
                    .isEqualTo(addresses.of(array).share(3 * 4));
            addresses.of(array).setFloat(3 * 4, 9);
            assertThat(array.getFloat(1, 0)).isEqualTo(9);
        }
    }

    @Test
    void otherStridesAndTypesAreRefused() {
        try (NDManager manager = NDManager.newBaseManager()) {
            TensorAddress addresses = TensorAddress.open(manager);
            NDArray array = manager.ones(new Shape(4, 3));

            assertThatThrownBy(() -> addresses.of(array.transpose()))
                    .hasMessage("only a contiguous array has one address but (3, 4) is a view with other strides");
            assertThatThrownBy(() -> addresses.of(array.eq(1)))
                    .hasMessage("arrays of type boolean have no address here");
        }
    }

    @Test
    void librariesAreFoundByTheBeginningOfTheirName() {
        Stream<String> maps = Stream.of(
                "7f00-7f01 r--p 00000000 00:00 0 ",
                "7f01-7f02 r-xp 00000000 fe:00 123    /opt/with blank/libcudart-9335f6a2.so.12",
                "7f03-7f04 rw-p 00000000 00:00 0                          [heap]");

        assertThat(LoadedLibraries.find("libcudart", maps))
                .contains(Path.of("/opt/with blank/libcudart-9335f6a2.so.12"));
        assertThat(LoadedLibraries.find("libcudart", Stream.empty())).isEmpty();
        assertThat(LoadedLibraries.find("libnone_such")).isEmpty();
    }
}
