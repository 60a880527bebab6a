package io.github.maskalign.core.data.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.data.PreparedSamples;
import io.github.maskalign.core.data.internal.RepaFolders.RepaVerifier;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.NpyFile;
import io.github.maskalign.core.fuzz.Bytes;
import io.github.maskalign.core.fuzz.Fuzz;
import io.github.maskalign.core.image.PictureReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The fixture is written by NumPy, Pillow and json: scripts/golden/repa_layout_cases.py. */
class RepaSetTest {
    private static final Path FIXTURE = Path.of("src/test/resources/golden/repa_layout");

    @TempDir
    Path root;

    private RepaFolders folders;

    @BeforeEach
    void copy() throws IOException {
        try (Stream<Path> files = Files.walk(FIXTURE)) {
            for (Path file : files.toList()) {
                Path target = root.resolve(FIXTURE.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(target);
                } else {
                    Files.copy(file, target);
                }
            }
        }
        folders = RepaFolders.in(root);
    }

    @Test
    void samplesArePairedByTheirDigitsAndLabelledByTheLatents() throws Exception {
        try (PreparedSamples set = PreparedSamples.open(folders)) {
            assertThat(set).isInstanceOf(RepaSet.class);
            assertThat(set.size()).isEqualTo(5);
            assertThat(set.classes()).isEqualTo(3);
            assertThat(set.layout()).isEqualTo(new SampleLayout(4, 2, FloatCode.FLOAT32, 8, 0, 0, FloatCode.FLOAT16));
            int[] indices = {0, 2, 3, 999, 1003};
            int[] labels = {1, 0, 2, 2, 1};
            for (int i = 0; i < 5; i++) {
                byte[] image = new byte[3 * 64 + 2];
                float[] moments = new float[32 + 1];
                set.readImage(i, image, 2);
                set.readMoments(i, moments, 1);

                assertThat(set.label(i)).isEqualTo(labels[i]);
                assertThat(Arrays.copyOfRange(image, 2, image.length))
                        .isEqualTo(PictureReader.read(folders.image(indices[i])).toPlanar());
                try (NpyFile latent = NpyFile.open(folders.latent(indices[i]))) {
                    assertThat(Arrays.copyOfRange(moments, 1, 33))
                            .isEqualTo(latent.tensor().floats());
                }
            }
        }
        assertThat(new RepaVerifier(folders).problems(done -> {})).isEmpty();
    }

    @Test
    void aMissingPictureShiftsNothingButIsNamed() throws Exception {
        Files.delete(folders.image(2));

        assertThatThrownBy(() -> RepaSet.open(folders))
                .hasMessageContaining("vae-sd: has 1 indices that ")
                .hasMessageContaining("images lacks (00000002), which has 0 others")
                .hasMessageContaining("nothing is paired by rank here");
    }

    @Test
    void aMissingLatentIsNamedByItsLabel() throws Exception {
        Files.delete(folders.latent(999));

        assertThatThrownBy(() -> RepaSet.open(folders))
                .hasMessageContaining("dataset.json: has 1 indices that ")
                .hasMessageContaining("vae-sd lacks (00000999)");
    }

    @Test
    void aLatentWithoutLabelIsNamed() throws Exception {
        Files.copy(folders.latent(0), folders.latent(7));
        Files.copy(folders.image(0), folders.image(7));

        assertThatThrownBy(() -> RepaSet.open(folders))
                .hasMessageContaining("vae-sd lacks, which has 1 others (00000007)");
    }

    @Test
    void strangeFilesAreNamed() throws Exception {
        Files.writeString(folders.imageFolder().resolve("00000/Thumbs.db"), "x");

        assertThatThrownBy(() -> RepaSet.open(folders))
                .hasMessageContaining("files must be named like 00000/img00000000.png but one is \"00000/Thumbs.db\"");
    }

    @Test
    void otherShapesAndDamagedFilesAreNamed() throws Exception {
        byte[] latent = Files.readAllBytes(folders.latent(3));
        Files.write(folders.latent(3), Arrays.copyOf(latent, latent.length - 4));
        Files.writeString(folders.image(999), "no picture");

        List<String> problems = new RepaVerifier(folders).problems(done -> {});

        assertThat(problems).hasSize(2);
        assertThat(problems.get(0)).contains("img-mean-std-00000003.npy");
        assertThat(problems.get(1)).contains("img00000999.png");
    }

    @Test
    void labelsOfTheOtherFolderAreIgnoredAsRepaDoes() throws Exception {
        Files.delete(folders.imageFolder().resolve("dataset.json"));

        RepaSet.open(folders).close();
    }

    @Test
    void latentsAloneServeWithoutPictures() throws Exception {
        RepaFolders latents = new RepaFolders(root, "elsewhere", "vae-sd");

        try (RepaSet set = RepaSet.open(latents)) {
            assertThat(set.layout().imageSide()).isZero();
        }
    }

    @Test
    void identityTellsLabelsApart() throws Exception {
        String before;
        try (RepaSet set = RepaSet.open(folders)) {
            before = set.identity();
        }
        String labels = Files.readString(folders.labels());
        Files.writeString(folders.labels(), labels.replace("00000003.npy\", 2", "00000003.npy\", 1"));

        try (RepaSet set = RepaSet.open(folders)) {
            assertThat(set.identity()).isNotEqualTo(before).hasSize(64);
        }
    }

    @Test
    void aFolderWithoutLabelsIsNoSet() {
        assertThatThrownBy(() -> PreparedSamples.open(RepaFolders.in(root.resolve("other"))))
                .isInstanceOf(NoSuchFileException.class);
    }

    @Test
    void foldersHavePlainNames() {
        assertThatThrownBy(() -> new RepaFolders(root, "../images", "vae-sd")).hasMessageContaining("../images");
        assertThatThrownBy(() -> new RepaFolders(root, "same", "same")).hasMessageContaining("same");
        assertThatThrownBy(() -> new RepaFolders(root, "maskalign", "same")).hasMessageContaining("maskalign");
    }

    @Test
    void damagedSetsAreRefusedOrRead() throws Exception {
        fuzz(2_000);
    }

    @Test
    @Tag("slow")
    void manyDamagedSetsAreRefusedOrRead() throws Exception {
        fuzz(100_000);
    }

    /** Damages the labels, the first latent or the first picture; which of them is the first byte of the input. */
    private void fuzz(int count) throws Exception {
        List<Path> files = List.of(folders.labels(), folders.latent(0), folders.image(0));
        List<byte[]> whole = new ArrayList<>();
        List<byte[]> seeds = new ArrayList<>();
        for (int i = 0; i < files.size(); i++) {
            byte[] content = Files.readAllBytes(files.get(i));
            whole.add(content);
            seeds.add(ByteBuffer.allocate(content.length + 1)
                    .put((byte) i)
                    .put(content)
                    .array());
        }
        Fuzz.Mutation mutation = (seed, random) -> {
            byte[] damaged = Bytes.mutate(Arrays.copyOfRange(seed, 1, seed.length), random);
            return ByteBuffer.allocate(damaged.length + 1)
                    .put(seed[0])
                    .put(damaged)
                    .array();
        };

        int read = Fuzz.of(seeds, mutation, CheckpointFormatException.class).run(count, input -> {
            Path file = files.get(input[0]);
            Files.write(file, Arrays.copyOfRange(input, 1, input.length));
            try (RepaSet set = RepaSet.open(folders)) {
                assertThat(set.size()).isEqualTo(5);
            } finally {
                Files.write(file, whole.get(input[0]));
            }
        });

        assertThat(read).isBetween(count / 50, count * 9 / 10);
    }
}
