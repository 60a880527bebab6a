package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.NpzWriter;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureWriter;
import io.github.maskalign.core.image.PictureWriter.Packing;
import io.github.maskalign.core.image.Resampler.CentreCrop;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PictureSourceTest {
    private static final int SIDE = 6;

    @TempDir
    Path folder;

    @Test
    void picturesOfAnySizeAreCroppedToOneSide() throws Exception {
        Picture wide = picture(19, 8, 3);
        Picture tall = picture(5, 11, 50);
        PictureWriter.write(folder.resolve("a.png"), wide, Packing.DEFLATED);
        PictureWriter.write(folder.resolve("b.png"), tall, Packing.DEFLATED);

        try (PictureSource cropped = PictureSource.open(folder, SIDE)) {
            assertThat(cropped.resolution()).isEqualTo("6x6");
            assertThat(cropped.read(0, 1)).isEqualTo(CentreCrop.adm(wide, SIDE).toInterleaved());
            assertThat(cropped.read(1, 1)).isEqualTo(CentreCrop.adm(tall, SIDE).toInterleaved());
        }
        try (PictureSource whole = PictureSource.open(folder)) {
            assertThatThrownBy(() -> whole.read(0, 2)).hasMessageContaining("--size N");
        }
    }

    @Test
    void picturesOfAnArrayAreCroppedAlike() throws Exception {
        Picture one = picture(9, 7, 3);
        Path file = folder.resolve("pictures.npz");
        NpzWriter.write(file, Map.of("arr_0", new Bytes(new Shape(1, 7, 9, 3), one.toInterleaved())));

        try (PictureSource cropped = PictureSource.open(file, SIDE)) {
            assertThat(cropped.height()).isEqualTo(SIDE);
            assertThat(cropped.read(0, 1)).isEqualTo(CentreCrop.adm(one, SIDE).toInterleaved());
        }
    }

    private record Bytes(Shape shape, byte[] bytes) implements TensorSource {
        @Override
        public TensorType type() {
            return TensorType.U8;
        }

        @Override
        public void sendTo(Sink sink) throws java.io.IOException {
            sink.accept(ByteBuffer.wrap(bytes));
        }
    }

    private static Picture picture(int width, int height, int first) {
        byte[] bytes = new byte[3 * width * height];
        for (int k = 0; k < bytes.length; k++) {
            bytes[k] = (byte) (first + 7 * k);
        }
        return Picture.of(width, height, bytes);
    }
}
