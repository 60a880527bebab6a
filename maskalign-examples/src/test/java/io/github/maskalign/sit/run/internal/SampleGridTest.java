package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.files.internal.FileOperations.CheckpointWriteException;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SampleGridTest {
    private static final int SHEET = 0xE4E4E7;

    @TempDir
    Path folder;

    @Test
    void laysPicturesOutRowByRow() throws IOException {
        // three pictures of 1 x 2 pixels: grey values 10 20, 30 40, 50 60
        Pictures pictures = new Pictures(3, 1, 1, 2, new byte[] {10, 20, 30, 40, 50, 60});

        BufferedImage image = read(new SampleGrid(2, 1, 1).draw(pictures));

        assertThat(image.getWidth()).isEqualTo(7);
        assertThat(image.getHeight()).isEqualTo(5);
        assertThat(row(image, 1)).containsExactly(SHEET, grey(10), grey(20), SHEET, grey(30), grey(40), SHEET);
        assertThat(row(image, 3)).containsExactly(SHEET, grey(50), grey(60), SHEET, SHEET, SHEET, SHEET);
        assertThat(row(image, 0)).containsOnly(SHEET);
    }

    @Test
    void enlargesPixelsWithoutSmoothing() throws IOException {
        Pictures pictures = new Pictures(1, 1, 1, 2, new byte[] {10, (byte) 250});

        BufferedImage image = read(new SampleGrid(1, 0, 3).draw(pictures));

        for (int y = 0; y < 3; y++) {
            assertThat(row(image, y)).containsExactly(grey(10), grey(10), grey(10), grey(250), grey(250), grey(250));
        }
    }

    @Test
    void writesNamesBelowPictures() throws IOException {
        Pictures pictures = new Pictures(3, 1, 2, 60, new byte[3 * 2 * 60]); // black
        SampleGrid layout = new SampleGrid(2, 4, 1);

        BufferedImage image = read(layout.draw(pictures, List.of("ring", "a name that is far too long", "")));

        int strip = 16;
        assertThat(image.getWidth()).isEqualTo(2 * 64 + 4);
        assertThat(image.getHeight()).isEqualTo(2 * (6 + strip) + 4);
        for (int y = 0; y < image.getHeight(); y++) { // margins and the gap between names stay free
            assertThat(row(image, y)[2]).isEqualTo(SHEET);
            assertThat(row(image, y)[65]).isEqualTo(SHEET);
            assertThat(row(image, y)[130]).isEqualTo(SHEET);
        }
        assertThat(inked(image, 6, 6 + strip, 4, 64)).isBetween(10, 60 * strip / 2);
        assertThat(inked(image, 6, 6 + strip, 68, 128)).isGreaterThan(inked(image, 6, 6 + strip, 4, 64));
        assertThat(inked(image, 28, 28 + strip, 4, 64)).isZero();
        assertThat(read(layout.draw(pictures, List.of())).getHeight()).isEqualTo(2 * 6 + 4);
    }

    private static int inked(BufferedImage image, int top, int bottom, int left, int right) {
        int inked = 0;
        for (int y = top; y < bottom; y++) {
            for (int x = left; x < right; x++) {
                inked += row(image, y)[x] == SHEET ? 0 : 1;
            }
        }
        return inked;
    }

    @Test
    void readsColourFromPlanes() throws IOException {
        // (N, C, H, W) = (1, 3, 1, 2): red plane, green plane, blue plane
        Pictures pictures = new Pictures(1, 3, 1, 2, new byte[] {1, 2, 3, 4, 5, (byte) 255});

        assertThat(row(read(new SampleGrid(1, 0, 1).draw(pictures)), 0)).containsExactly(0x010305, 0x0204FF);
    }

    @Test
    void fittingLayoutShowsSmallPicturesLarge() {
        SampleGrid layout = SampleGrid.fitting(new Pictures(10, 1, 32, 32, new byte[10 * 32 * 32]));

        assertThat(layout).isEqualTo(new SampleGrid(4, 4, 3));
        assertThat(SampleGrid.fitting(new Pictures(1, 1, 256, 256, new byte[256 * 256])))
                .isEqualTo(new SampleGrid(1, 4, 1));
    }

    @Test
    void writesFileWithItsFolderAndLeavesNothingElse() throws IOException {
        Png png = new SampleGrid(1, 0, 1).draw(new Pictures(1, 1, 1, 1, new byte[] {77}));
        Path file = folder.resolve("samples/step-100.png");

        png.write(file);
        png.write(file);

        assertThat(ImageIO.read(file.toFile()).getRGB(0, 0) & 0xFFFFFF).isEqualTo(grey(77));
        assertThat(Files.list(file.getParent())).containsExactly(file);
    }

    @Test
    void failedWriteLeavesNoPart() throws IOException {
        Path file = Files.createDirectories(folder.resolve("taken.png/full")).getParent();

        assertThatThrownBy(() -> new Png(new byte[9], 1, 1).write(file)).isInstanceOf(CheckpointWriteException.class);

        assertThat(Files.list(folder)).containsExactly(file);
    }

    @Test
    void refusesWhatIsNoPicture() {
        assertThatThrownBy(() -> new Pictures(1, 4, 2, 2, new byte[16]))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("channels of pictures must be 1 or 3 but was 4");
        assertThatThrownBy(() -> new Pictures(1, 3, 2, 2, new byte[5]))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("pictures of shape (1, 3, 2, 2) have 12 values but 5 were given");
    }

    private static BufferedImage read(Png png) throws IOException {
        BufferedImage image = ImageIO.read(new ByteArrayInputStream(png.bytes()));
        assertThat(image.getWidth()).isEqualTo(png.width());
        assertThat(image.getHeight()).isEqualTo(png.height());
        return image;
    }

    private static int[] row(BufferedImage image, int y) {
        int[] row = image.getRGB(0, y, image.getWidth(), 1, null, 0, image.getWidth());
        for (int x = 0; x < row.length; x++) {
            row[x] &= 0xFFFFFF;
        }
        return row;
    }

    private static int grey(int value) {
        return value * 0x010101;
    }

    @Test
    void gridWithoutRoomIsKnownBeforeItsPictures() {
        assertThat(SampleGrid.problem(36, 32, 4, 64 << 20)).isEmpty();
        assertThat(SampleGrid.problem(36, 32, 40, 64 << 20).orElseThrow())
                .startsWith("make a grid of 60 million pixels, which the heap of ");
        assertThat(SampleGrid.problem(1_000_000, 32, 1, Long.MAX_VALUE)).isPresent(); // more than an array holds
        assertThat(SampleGrid.problem(Integer.MAX_VALUE, 1024, Integer.MAX_VALUE, Long.MAX_VALUE))
                .isPresent();
    }
}
