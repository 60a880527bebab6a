package io.github.maskalign.encoders;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.DeviceCounts;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Pictures on a device are prepared there: the numbers of the channels are not copied to it for each batch. */
@Tag("fakegpu")
class PreprocessingUploadTest {
    @ParameterizedTest
    @ValueSource(strings = {"dinov2", "clip"})
    void nothingIsCopied(String name) {
        try (NDManager gpu = NDManager.newBaseManager(Device.gpu());
                NDManager cpu = NDManager.newBaseManager(Device.cpu())) {
            NDArray pictures = cpu.arange(2 * 3 * 256 * 256)
                    .reshape(new Shape(2, 3, 256, 256))
                    .mod(251)
                    .toType(DataType.UINT8, true);
            NDArray there = pictures.toDevice(Device.gpu(), true);
            NDArray[] found = new NDArray[1];

            DeviceCounts counts =
                    DeviceCounts.of(() -> found[0] = Preprocessing.named(name).apply(there));

            assertThat(counts.allUploads()).isZero();
            assertThat(counts.waits()).isZero();
            assertThat(found[0].toFloatArray())
                    .isEqualTo(Preprocessing.named(name).apply(pictures).toFloatArray());
        }
    }
}
