package io.github.maskalign.core.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PictureWriterTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @EnumSource(PictureWriter.Packing.class)
    void writtenPicturesAreReadAgainByUsAndByTheJdk(PictureWriter.Packing packing) throws Exception {
        for (int[] size : new int[][] {{1, 1}, {1, 9}, {9, 1}, {53, 37}, {300, 200}}) {
            Picture picture = PictureCases.formula(size[0], size[1]);
            Path file = folder.resolve("p.png");

            PictureWriter.write(file, picture, packing);

            assertThat(PictureReader.read(file)).isEqualTo(picture);
            BufferedImage image = ImageIO.read(file.toFile());
            for (int y = 0; y < picture.height(); y++) {
                for (int x = 0; x < picture.width(); x++) {
                    assertThat(image.getRGB(x, y) & 0xffffff).isEqualTo(picture.rgb(x, y));
                }
            }
        }
    }

    @Test
    void smoothPicturesShrinkAndNoiseDoesNotGrow() throws Exception {
        byte[] ramp = new byte[64 * 64 * 3];
        byte[] noise = new byte[ramp.length];
        for (int i = 0; i < ramp.length; i++) {
            ramp[i] = (byte) (i / 3 % 64 + i / 3 / 64);
        }
        new Random(1).nextBytes(noise);

        int rampBytes = PictureWriter.png(Picture.of(64, 64, ramp), PictureWriter.Packing.DEFLATED).length;
        int noiseBytes = PictureWriter.png(Picture.of(64, 64, noise), PictureWriter.Packing.DEFLATED).length;

        assertThat(rampBytes).isLessThan(ramp.length / 20);
        assertThat(noiseBytes).isLessThan(noise.length + 300);
        assertThat(ImageIO.read(new ByteArrayInputStream(
                        PictureWriter.png(Picture.of(64, 64, noise), PictureWriter.Packing.STORED))))
                .isNotNull();
    }

    @Test
    void storedPicturesHaveThreeBytesAPixelAndLittleMore() {
        byte[] file = PictureWriter.png(PictureCases.formula(256, 256), PictureWriter.Packing.STORED);

        assertThat(file.length).isBetween(256 * 256 * 3, 256 * 256 * 3 + 1_000);
    }

    @Test
    void writingLeavesNoOtherFile() throws Exception {
        PictureWriter.write(folder.resolve("p.png"), PictureCases.formula(5, 4), PictureWriter.Packing.STORED);

        try (var entries = Files.list(folder)) {
            assertThat(entries).containsExactly(folder.resolve("p.png"));
        }
    }
}
