package io.github.maskalign.core.data;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.data.internal.LabelFile;
import io.github.maskalign.core.data.internal.PictureSet;
import io.github.maskalign.core.data.internal.PictureSet.LabelledPicture;
import io.github.maskalign.core.data.internal.PictureSet.PictureSetException;
import io.github.maskalign.core.fuzz.Bytes;
import io.github.maskalign.core.fuzz.Fuzz;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PictureSetsTest {
    private static final Map<String, byte[]> PICTURES = new LinkedHashMap<>();

    static {
        PICTURES.put("n02/n02_9.JPEG", new byte[] {9, 9, 9});
        PICTURES.put("n01/n01_2.JPEG", new byte[] {1, 2});
        PICTURES.put("n01/n01_10.png", new byte[2000]);
        Arrays.fill(PICTURES.get("n01/n01_10.png"), (byte) 7);
    }

    @TempDir
    Path folder;

    @Test
    void allFormsGiveTheSameSet() throws Exception {
        Path plain = folder.resolve("plain");
        for (Map.Entry<String, byte[]> picture : PICTURES.entrySet()) {
            Path file = plain.resolve(picture.getKey());
            Files.createDirectories(file.getParent());
            Files.write(file, picture.getValue());
        }
        Files.writeString(plain.resolve("n01/.hidden.jpg"), "x");
        Files.writeString(plain.resolve("notes.txt"), "x");
        Path tar = Files.write(folder.resolve("set.tar"), tar(withNotes()));
        Path zip = Files.write(folder.resolve("set.zip"), zip(withNotes()));
        Path tarOfTars = Files.write(folder.resolve("ILSVRC2012_img_train.tar"), tarOfTars());
        Path tars = Files.createDirectories(folder.resolve("tars"));
        Files.write(tars.resolve("n01.tar"), inner("n01"));
        Files.write(tars.resolve("n02.tar"), inner("n02"));

        for (Path form : List.of(plain, tar, zip, tarOfTars, tars)) {
            try (PictureSet set = PictureSets.open(form)) {
                assertThat(set.classes()).as("%s", form).containsExactly("n01", "n02");
                assertThat(pictures(set))
                        .as("%s", form)
                        .containsExactly(
                                new LabelledPicture("n01/n01_10.png", 0),
                                new LabelledPicture("n01/n01_2.JPEG", 0),
                                new LabelledPicture("n02/n02_9.JPEG", 1));
                for (int i = 0; i < 3; i++) {
                    assertThat(set.read(i))
                            .isEqualTo(PICTURES.get(set.picture(i).name()));
                }
            }
        }
    }

    @Test
    void webDatasetLabelsComeFromTheFilesBeside() throws Exception {
        Map<String, byte[]> shard = new LinkedHashMap<>();
        shard.put("0001.jpg", new byte[] {1});
        shard.put("0001.cls", "4\n".getBytes(StandardCharsets.UTF_8));
        shard.put("0002.cls", "0".getBytes(StandardCharsets.UTF_8));
        shard.put("0002.jpg", new byte[] {2});
        Path shards = Files.createDirectories(folder.resolve("shards"));
        Files.write(shards.resolve("a-000.tar"), tar(shard));
        Files.write(shards.resolve("a-001.tar"), tar(shard));

        try (PictureSet set = PictureSets.open(shards)) {
            assertThat(set.classes()).containsExactly("0", "1", "2", "3", "4");
            assertThat(pictures(set))
                    .containsExactly(
                            new LabelledPicture("a-000/0001.jpg", 4),
                            new LabelledPicture("a-000/0002.jpg", 0),
                            new LabelledPicture("a-001/0001.jpg", 4),
                            new LabelledPicture("a-001/0002.jpg", 0));
            assertThat(set.read(3)).containsExactly(2);
        }
    }

    @Test
    void labelFileIsMatchedByName() throws Exception {
        Path repa = Files.createDirectories(folder.resolve("images/00000")).getParent();
        Files.write(repa.resolve("00000/img00000000.png"), new byte[] {5});
        Files.write(repa.resolve("00000/img00000001.png"), new byte[] {6});
        Path labels = repa.resolve("dataset.json");
        Files.writeString(
                labels, "{\"labels\": [[\"00000/img00000001.png\", 2], [\"00000/img00000000.png\", 0]], \"x\": null}");

        try (PictureSet set = PictureSets.open(repa)) {
            assertThat(set.classes()).hasSize(3);
            assertThat(set.picture(1)).isEqualTo(new LabelledPicture("00000/img00000001.png", 2));
            assertThat(set.read(1)).containsExactly(6);
        }
        Files.delete(repa.resolve("00000/img00000000.png"));
        Files.write(repa.resolve("00000/img00000002.png"), new byte[] {6});
        assertThatThrownBy(() -> PictureSets.open(repa))
                .isInstanceOf(PictureSetException.class)
                .hasMessageContaining("1 files have no label [00000/img00000002.png]")
                .hasMessageContaining("1 labels have no file [00000/img00000000.png]");
    }

    @Test
    void picturesInNoFolderAreOneClassOfTheSetsName() throws Exception {
        Path tar = Files.write(folder.resolve("cats.tar"), tar(Map.of("a.jpg", new byte[1], "b.png", new byte[2])));
        Path plain = Files.createDirectory(folder.resolve("dogs"));
        Files.write(plain.resolve("x.png"), new byte[] {7});
        Files.createDirectory(plain.resolve(".thumbnails"));
        Files.write(plain.resolve(".thumbnails/x.png"), new byte[] {8});

        try (PictureSet set = PictureSets.open(tar)) {
            assertThat(set.classes()).containsExactly("cats");
            assertThat(set.picture(1)).isEqualTo(new LabelledPicture("b.png", 0));
        }
        try (PictureSet set = PictureSets.open(plain)) {
            assertThat(set.classes()).containsExactly("dogs");
            assertThat(set.size()).isOne();
            assertThat(set.read(0)).containsExactly(7);
        }
    }

    @Test
    void whatIsNoSetIsRefused() throws Exception {
        Path text = Files.writeString(folder.resolve("a.tar"), "hello");
        Path mixed =
                Files.write(folder.resolve("mixed.tar"), tar(Map.of("a.jpg", new byte[1], "b/a.jpg", new byte[1])));
        Path empty = Files.createDirectory(folder.resolve("empty"));
        Path cut = Files.write(folder.resolve("cut.tar"), Arrays.copyOf(tar(PICTURES), 2000));

        assertThatThrownBy(() -> PictureSets.open(folder.resolve("no"))).isInstanceOf(NoSuchFileException.class);
        assertThatThrownBy(() -> PictureSets.open(text)).hasMessageContaining("neither a zip nor");
        assertThatThrownBy(() -> PictureSets.open(mixed))
                .hasMessageContaining("must all lie in a folder for each class, or all in none, but \"a.jpg\"")
                .hasMessageContaining("others in \"b\"");
        assertThatThrownBy(() -> PictureSets.open(empty)).hasMessageContaining("there is no .jpg");
        assertThatThrownBy(() -> PictureSets.open(cut).close()).isInstanceOf(PictureSetException.class);
    }

    @Test
    void damagedLabelFilesAreRefusedWithTheirPlaceAndNothingElse() throws Exception {
        Path repa = Files.createDirectories(folder.resolve("labels"));
        Path labels = repa.resolve("dataset.json");

        refuses(labels, "{\"labels\": [[\"a\", 1], oops]}", "is not valid JSON: there is a mistake at line 1, column ");
        refuses(labels, "{\"labels\": [[\"a\", 1]", "it ends too early");
        refuses(labels, "{\"labels\": null}", "pairs of name and class, must be an array but is null");
        refuses(labels, "{\"labels\": [[\"a\", -1]]}", "the class of \"a\" must be a whole number");
        refuses(
                labels,
                "{\"labels\": [[\"a\", 9999999]]}",
                "the class of \"a\" must be in [0, 1048575] but is 9999999");
        refuses(labels, "{\"labels\": [[\"a\"]]}", "must be of two but one has less");
        refuses(labels, "{\"labels\": [[\"a\", 1, 2]]}", "must be of two but one has more");
        refuses(labels, "{\"labels\": [[\"\\u001b[2J\", 1], [\"\\u001b[2J\", 2]]}", "it names \"\\u001b[2J\" twice");
        refuses(labels, "{\"x\": " + "[".repeat(100_000), "nested at most 64 deep");
        refuses(labels, "{\"labels\": [[\"" + "a".repeat(2 << 20) + "\", 1]]}", "a text must have at most 1048576");
        refuses(labels, "{\"" + "a\\u001b".repeat(9_000) + "\": [1,,2]}", "there is a mistake at line 1, column ");
    }

    private static void refuses(Path labels, String content, String reason) throws IOException {
        Files.writeString(labels, content);
        assertThatThrownBy(() -> LabelFile.read(labels))
                .isInstanceOf(PictureSetException.class)
                .hasMessageStartingWith(labels + ": ")
                .hasMessageContaining(reason)
                .message()
                .hasSizeLessThan(400)
                .doesNotContain("Strictness", "gson", "\u001b");
    }

    @Test
    void twoFilesOfOneNameAreRefused() throws Exception {
        String twice = new String(zip(Map.of("a/x.png", new byte[1], "a/y.png", new byte[2])), ISO_8859_1);
        Path file = Files.write(
                folder.resolve("a.zip"), twice.replace("a/y.png", "a/x.png").getBytes(ISO_8859_1));

        assertThatThrownBy(() -> PictureSets.open(file))
                .hasMessage(file + ": it has two entries of the name \"a/x.png\"");
    }

    @Test
    void damagedArchivesAreReadOrRefused() throws Exception {
        fuzz(2_000);
    }

    @Test
    @Tag("slow")
    void manyDamagedArchivesAreReadOrRefused() throws Exception {
        fuzz(100_000);
    }

    private void fuzz(int count) throws Exception {
        List<byte[]> seeds = List.of(tarOfTars(), tar(PICTURES), zip(PICTURES));
        Path file = folder.resolve("fuzz");

        Fuzz.of(seeds, Bytes::mutate, PictureSetException.class).run(count, input -> {
            Files.write(file, input);
            try (PictureSet set = PictureSets.open(file)) {
                for (int i = 0; i < set.size(); i++) {
                    set.read(i);
                }
            }
        });
    }

    private static List<LabelledPicture> pictures(PictureSet set) {
        List<LabelledPicture> out = new ArrayList<>();
        for (int i = 0; i < set.size(); i++) {
            out.add(set.picture(i));
        }
        return out;
    }

    private static Map<String, byte[]> withNotes() {
        Map<String, byte[]> out = new LinkedHashMap<>(PICTURES);
        out.put("n01/readme.txt", new byte[3]);
        out.put("n01/._n01_2.JPEG", new byte[3]);
        return out;
    }

    private static byte[] inner(String folder) throws IOException {
        Map<String, byte[]> files = new LinkedHashMap<>();
        PICTURES.forEach((name, bytes) -> {
            if (name.startsWith(folder)) {
                files.put(name.substring(4), bytes);
            }
        });
        return tar(files);
    }

    private static byte[] tarOfTars() throws IOException {
        Map<String, byte[]> outer = new LinkedHashMap<>();
        outer.put("n02.tar", inner("n02"));
        outer.put("n01.tar", inner("n01"));
        return tar(outer);
    }

    private static byte[] tar(Map<String, byte[]> files) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (TarArchiveOutputStream out = new TarArchiveOutputStream(bytes)) {
            for (Map.Entry<String, byte[]> file : files.entrySet()) {
                TarArchiveEntry entry = new TarArchiveEntry(file.getKey());
                entry.setSize(file.getValue().length);
                out.putArchiveEntry(entry);
                out.write(file.getValue());
                out.closeArchiveEntry();
            }
        }
        return bytes.toByteArray();
    }

    private static byte[] zip(Map<String, byte[]> files) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream out = new ZipOutputStream(bytes)) {
            for (Map.Entry<String, byte[]> file : files.entrySet()) {
                out.putNextEntry(new ZipEntry(file.getKey()));
                out.write(file.getValue());
            }
        }
        return bytes.toByteArray();
    }
}
