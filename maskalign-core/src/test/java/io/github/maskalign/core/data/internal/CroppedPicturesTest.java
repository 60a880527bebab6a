package io.github.maskalign.core.data.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.data.PictureSets;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureWriter;
import io.github.maskalign.core.image.PictureWriter.Packing;
import io.github.maskalign.core.image.Resampler.CentreCrop;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CroppedPicturesTest {
    private static final int SIDE = 4;

    @TempDir
    Path folder;

    private Path source;
    private Path cache;

    @BeforeEach
    void write() throws IOException {
        source = folder.resolve("shapes");
        cache = folder.resolve("cache");
        for (int i = 0; i < 3; i++) {
            write("circle/" + i + ".png", picture(9, 7, i));
        }
        write("star/0.png", picture(5, 12, 40));
    }

    @Test
    void eachPictureIsTheCropOfItsFileWithItsLabel() throws Exception {
        CroppedPictures pictures = open(new AtomicInteger());

        assertThat(pictures.size()).isEqualTo(4);
        assertThat(pictures.classes()).containsExactly("circle", "star");
        assertThat(pictures.labels()).containsExactly(0, 0, 0, 1);
        assertThat(pictures.counts(source)).containsExactly(3, 1);
        byte[] bytes = new byte[1 + 3 * SIDE * SIDE];
        pictures.copyInto(3, bytes, 1);
        assertThat(java.util.Arrays.copyOfRange(bytes, 1, bytes.length))
                .isEqualTo(CentreCrop.adm(picture(5, 12, 40), SIDE).toPlanar());
    }

    @Test
    void filesAreDecodedOnceUntilOneChanges() throws Exception {
        AtomicInteger decoded = new AtomicInteger();
        String identity = open(decoded).identity();

        assertThat(open(decoded).identity()).isEqualTo(identity);
        assertThat(decoded).hasValue(4);
        write("star/1.png", picture(6, 6, 90));
        CroppedPictures more = open(decoded);
        assertThat(more.size()).isEqualTo(5);
        assertThat(more.identity()).isNotEqualTo(identity);
        assertThat(decoded).hasValue(9);
        assertThat(names(cache)).hasSize(1);
    }

    @Test
    void theIdentityIsThatOfTheContentAndNotOfThePlace() throws Exception {
        String identity = open(new AtomicInteger()).identity();
        Path moved = folder.resolve("elsewhere");
        Files.move(source, moved);
        source = moved;

        assertThat(open(new AtomicInteger()).identity()).isEqualTo(identity);
        Files.move(moved.resolve("star"), moved.resolve("stars"));
        assertThat(open(new AtomicInteger()).identity()).isNotEqualTo(identity);
    }

    @Test
    void aDamagedFileIsMadeAgain() throws Exception {
        AtomicInteger decoded = new AtomicInteger();
        String identity = open(decoded).identity();
        Path file = cache.resolve(names(cache).findFirst().orElseThrow());
        byte[] bytes = Files.readAllBytes(file);
        for (int at : new int[] {3, bytes.length / 2, bytes.length - 1}) {
            byte[] damaged = bytes.clone();
            damaged[at] ^= 1;
            Files.write(file, damaged);

            assertThat(open(decoded).identity()).isEqualTo(identity);
            assertThat(Files.readAllBytes(file)).isEqualTo(bytes);
        }
        Files.write(file, new byte[0]);
        assertThat(open(decoded).identity()).isEqualTo(identity);
        assertThat(decoded).hasValue(20);
    }

    @Test
    void whatCannotBeReadIsLeftOutAndAClassOfNothingElseIsRefused() throws Exception {
        Files.writeString(source.resolve("circle/note.png"), "no picture");
        CroppedPictures pictures = open(new AtomicInteger());

        assertThat(pictures.size()).isEqualTo(4);
        assertThat(pictures.skipped()).singleElement().asString().startsWith("circle/note.png: ");
        Files.createDirectory(source.resolve("void"));
        Files.writeString(source.resolve("void/note.png"), "no picture");
        CroppedPictures empty = open(new AtomicInteger());
        assertThatThrownBy(() -> empty.counts(source))
                .hasMessageContaining("the class \"void\" has no picture that can be read")
                .hasMessageContaining("circle/note.png");
    }

    @Test
    void aFailedWorkLeavesNothingBehind() throws Exception {
        try (PictureSet set = PictureSets.open(source)) {
            assertThatThrownBy(() -> CroppedPictures.open(source, set, SIDE, cache, (done, total) -> {
                        if (done == 2) {
                            throw new IllegalStateException("stop");
                        }
                    }))
                    .hasMessage("stop");
        }
        assertThat(names(cache)).isEmpty();
    }

    private CroppedPictures open(AtomicInteger decoded) throws IOException {
        try (PictureSet set = PictureSets.open(source)) {
            return CroppedPictures.open(source, set, SIDE, cache, (done, total) -> {
                decoded.incrementAndGet();
                assertThat(done).isBetween(1, total);
            });
        }
    }

    private static Stream<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).toList().stream();
        }
    }

    private void write(String name, Picture picture) throws IOException {
        Path file = source.resolve(name);
        Files.createDirectories(file.getParent());
        PictureWriter.write(file, picture, Packing.DEFLATED);
    }

    private static Picture picture(int width, int height, int first) {
        byte[] bytes = new byte[3 * width * height];
        for (int k = 0; k < bytes.length; k++) {
            bytes[k] = (byte) (first + 5 * k);
        }
        return Picture.of(width, height, bytes);
    }
}
