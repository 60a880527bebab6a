package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureReader;
import io.github.maskalign.core.image.PictureWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GridPreviewsTest {
    @TempDir
    Path folder;

    @Test
    void aPreviewKeepsToItsBytesAndLeadsToTheWholePicture() throws IOException {
        Path cell = Files.createDirectories(folder.resolve("cells/a b-seed0"));
        Picture whole = noise(1060, 400); // nothing is harder to pack
        PictureWriter.write(cell.resolve("samples.png"), whole, PictureWriter.Packing.STORED);

        ReportedRun.Grid wide = new GridPreviews(1 << 20, folder).of(cell.resolve("samples.png"), whole, 7);
        ReportedRun.Grid narrow = new GridPreviews(20_000, folder).of(cell.resolve("samples.png"), whole, 7);
        ReportedRun.Grid least = new GridPreviews(1, folder).of(cell.resolve("samples.png"), whole, 7);

        assertThat(wide.width()).isEqualTo(768);
        assertThat(wide.height()).isEqualTo(290); // 400 · 768 / 1060
        assertThat(narrow.picture().length).isLessThanOrEqualTo(20_000);
        assertThat(narrow.width()).isBetween(128, 512);
        assertThat(least.width()).isEqualTo(128);
        Picture read = PictureReader.read(narrow.picture(), "preview");
        assertThat(read.width()).isEqualTo(narrow.width());
        assertThat(wide.link()).isEqualTo("cells/a%20b-seed0/samples.png");
        assertThat(Markup.dataUri(wide.picture())).startsWith("data:image/jpeg;base64,");
    }

    @Test
    void aSmallPictureIsNotEnlarged() throws IOException {
        ReportedRun.Grid grid = new GridPreviews(1 << 20, folder).of(folder.resolve("x.png"), noise(40, 30), 1);

        assertThat(grid.width()).isEqualTo(40);
        assertThat(grid.height()).isEqualTo(30);
    }

    private static Picture noise(int width, int height) {
        byte[] pixels = new byte[3 * width * height];
        new SplittableRandom(5).nextBytes(pixels);
        return Picture.of(width, height, pixels);
    }
}
