package io.github.maskalign.examples.emoji;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmojiSetTest {
    private static final int LIMIT = 9;
    private static final EmojiConfig SMALL = new EmojiConfig(List.of("twemoji", "fxemoji"), 17, false, false);

    @TempDir
    Path cache;

    private final List<String> progress = new ArrayList<>();

    private EmojiSet open(EmojiConfig config) throws IOException {
        return EmojiSet.open(
                config, cache, (done, total) -> progress.add(done + "/" + total), LIMIT, () -> PublishedSets.ALL);
    }

    private Path onlyFile() throws IOException {
        try (Stream<Path> files = Files.list(cache)) {
            return files.reduce((a, b) -> {
                        throw new IllegalStateException(a + " and " + b);
                    })
                    .orElseThrow();
        }
    }

    private static void assertSame(EmojiSet a, EmojiSet b) {
        assertThat(a.entries()).isEqualTo(b.entries());
        for (int i = 0; i < a.size(); i++) {
            assertThat(a.pixels(i)).isEqualTo(b.pixels(i));
        }
    }

    @Test
    void picturesAreThoseOfTheirDrawings() throws Exception {
        EmojiSet set = open(SMALL);

        assertThat(set.size()).isEqualTo(2 * LIMIT);
        assertThat(set.pictureBytes()).isEqualTo(3 * 17 * 17);
        assertThat(set.labels())
                .containsExactly("smileys", "people", "animals", "food", "travel", "activities", "objects", "symbols");
        for (int i = 0; i < set.size(); i++) {
            EmojiEntry entry = set.entry(i);
            Icon icon = PublishedSets.get(entry.set()).icons().get(entry.name());
            assertThat(icon).isNotNull();
            assertThat(set.pixels(i)).isEqualTo(new SvgRasteriser(17, EmojiConfig.WHITE).draw(icon));
        }
        byte[] target = new byte[set.pictureBytes() + 7];
        set.copyInto(3, target, 5);
        assertThat(Arrays.copyOfRange(target, 5, target.length - 2)).isEqualTo(set.pixels(3));
    }

    @Test
    void secondOpeningDrawsNothingAndIsEqual() throws Exception {
        EmojiSet first = open(SMALL);
        byte[] file = Files.readAllBytes(onlyFile());
        assertThat(progress).startsWith("0/18").endsWith("18/18");
        progress.clear();

        EmojiSet second = open(SMALL);

        assertThat(progress).isEmpty();
        assertThat(Files.readAllBytes(onlyFile())).isEqualTo(file);
        assertSame(second, first);
    }

    @Test
    void fileIsSafetensorsAndOneOfTheFormatBeforeIsIgnored() throws Exception {
        open(SMALL);
        Path file = onlyFile();
        Path old = file.resolveSibling(file.getFileName().toString().replace(".safetensors", ".bin"));
        Files.writeString(old, "MASKALIGN-EMOJI1");

        EmojiSet set = open(SMALL);

        assertThat(old).hasContent("MASKALIGN-EMOJI1");
        try (SafetensorsFile opened = SafetensorsFile.open(file)) {
            assertThat(opened.tensors()).containsOnlyKeys("pictures.0");
            assertThat(opened.tensor("pictures.0").type()).isEqualTo(TensorType.U8);
            assertThat(opened.tensor("pictures.0").shape()).isEqualTo(new Shape(18, 3, 17, 17));
            byte[] third = new byte[set.pictureBytes()];
            opened.read("pictures.0", 2L * set.pictureBytes(), ByteBuffer.wrap(third));
            assertThat(third).isEqualTo(set.pixels(2));
            assertThat(opened.metadata()).containsOnlyKeys("index", "sha256");
        }
    }

    @Test
    void changedIndexIsDrawnAgain() throws Exception {
        EmojiSet good = open(SMALL);
        String text = Files.readString(onlyFile(), StandardCharsets.ISO_8859_1);
        String changed = text.replaceFirst("twemoji", "twemojj");
        assertThat(changed).isNotEqualTo(text);
        Files.writeString(onlyFile(), changed, StandardCharsets.ISO_8859_1);
        progress.clear();

        assertSame(open(SMALL), good);
        assertThat(progress).endsWith("18/18");
    }

    @Test
    void drawingAgainGivesTheSameFile() throws Exception {
        open(SMALL);
        byte[] file = Files.readAllBytes(onlyFile());
        Files.delete(onlyFile());

        open(SMALL);

        assertThat(HexFormat.of().formatHex(Files.readAllBytes(onlyFile())))
                .isEqualTo(HexFormat.of().formatHex(file));
    }

    @Test
    void nameOfTheFileIsTheSameInEveryLocale() throws Exception {
        Locale before = Locale.getDefault();
        try {
            Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab")); // digits are ٠١٢٣ there

            EmojiSet set = open(SMALL);

            assertThat(onlyFile().getFileName().toString()).matches("emoji-17px-[0-9a-f]{8}\\.safetensors");
            assertThat(set.size()).isEqualTo(2 * LIMIT);
        } finally {
            Locale.setDefault(before);
        }
    }

    @Test
    void cacheThatCannotBeMadeIsNamed() throws IOException {
        Path file = Files.createFile(cache.resolve("file"));

        assertThatThrownBy(() -> EmojiSet.open(SMALL, file, (done, total) -> {}, LIMIT, () -> PublishedSets.ALL))
                .isInstanceOf(FileSystemException.class)
                .hasMessageStartingWith(file.toString())
                .hasMessageContaining("MASKALIGN_CACHE");
    }

    @Test
    void damagedFileIsDrawnAgain() throws Exception {
        EmojiSet good = open(SMALL);
        byte[] file = Files.readAllBytes(onlyFile());
        List<byte[]> damaged = new ArrayList<>();
        for (int at : new int[] {0, file.length / 2, file.length - 40, file.length - 1}) {
            byte[] flipped = file.clone();
            flipped[at] ^= 4;
            damaged.add(flipped);
        }
        for (int length : new int[] {0, 59, 60, file.length - 1}) {
            damaged.add(Arrays.copyOf(file, length));
        }
        damaged.add(Arrays.copyOf(file, file.length + 1));

        for (byte[] bytes : damaged) {
            Files.write(onlyFile(), bytes);
            progress.clear();
            assertSame(open(SMALL), good);
            assertThat(progress).as("length %d", bytes.length).endsWith("18/18");
            assertThat(Files.readAllBytes(onlyFile())).isEqualTo(file);
        }
    }

    @Test
    void intactFileOfAnotherContentIsDrawnAgain() throws Exception {
        EmojiSet good = open(SMALL);
        Path place = onlyFile();
        Path elsewhere = Files.createDirectory(cache.resolve("elsewhere"));
        EmojiSet.open(
                new EmojiConfig(List.of("noto"), 17, false, false),
                elsewhere,
                EmojiProgress.silent(),
                18,
                () -> PublishedSets.ALL);
        try (Stream<Path> files = Files.list(elsewhere)) {
            Files.copy(files.findFirst().orElseThrow(), place, StandardCopyOption.REPLACE_EXISTING);
        }

        assertSame(open(SMALL), good);
    }

    @Test
    void configsDoNotShareAFile() throws Exception {
        open(SMALL);
        open(new EmojiConfig(SMALL.sets(), 18, false, false));
        open(new EmojiConfig(SMALL.sets(), 17, true, false));
        open(new EmojiConfig(SMALL.sets(), 17, false, true));
        EmojiSet grey = open(new EmojiConfig(SMALL.sets(), 17, false, false, 0x808080));

        try (Stream<Path> files = Files.list(cache)) {
            assertThat(files).hasSize(5);
        }
        assertThat(grey.pixels(LIMIT)).startsWith(0x80, 0x80, 0x80);
    }

    @Test
    void openPicturesOutliveTheReplacementOfTheirFile() throws Exception {
        EmojiSet set = open(SMALL);
        byte[] before = set.pixels(4);
        Files.delete(onlyFile());
        open(SMALL);

        assertThat(set.pixels(4)).isEqualTo(before);
    }

    @Test
    void severalMayOpenAtOnce() throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(3);
        List<Future<EmojiSet>> openings = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            openings.add(pool.submit(
                    () -> EmojiSet.open(SMALL, cache, EmojiProgress.silent(), LIMIT, () -> PublishedSets.ALL)));
        }
        pool.shutdown();

        for (Future<EmojiSet> opening : openings) {
            assertSame(opening.get(), openings.get(0).get());
        }
        onlyFile(); // no temporary file is left
    }

    /** Draws a set twice: about four seconds. */
    @Test
    @Tag("slow")
    void whiteDrawingsAreLeftOutOnWhiteAndListed() throws Exception {
        EmojiConfig config = new EmojiConfig(List.of("noto-v1"), 16, false, false);
        EmojiConfig grey = new EmojiConfig(List.of("noto-v1"), 16, false, false, 0x808080);

        EmojiSet onWhite = EmojiSet.open(config, cache, EmojiProgress.silent());
        EmojiSet onGrey = EmojiSet.open(grey, cache, EmojiProgress.silent());

        assertThat(onWhite.size()).isEqualTo(1244);
        assertThat(onWhite.broken()).hasSize(12).contains("noto-v1:digit-zero", "noto-v1:asterisk");
        assertThat(onGrey.size()).isEqualTo(1256);
        assertThat(onGrey.broken()).isEmpty();
    }

    @Test
    void indexOutsideTheSetIsRefused() throws Exception {
        EmojiSet set = open(SMALL);

        assertThatThrownBy(() -> set.pixels(18)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> set.entry(-1)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    /** Draws every default picture: about six seconds. */
    @Test
    @Tag("slow")
    void allDefaultDrawingsButTwelveGiveAPicture() throws Exception {
        EmojiSet set = EmojiSet.open(EmojiConfig.ofSize(32), cache, EmojiProgress.silent());

        assertThat(set.size()).isEqualTo(8247);
        assertThat(set.broken()).hasSize(12).allSatisfy(name -> assertThat(name).startsWith("noto-v1:"));
    }
}
