package io.github.maskalign.core.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.data.Preparer.PreparePlan;
import io.github.maskalign.core.data.internal.FirstPixels;
import io.github.maskalign.core.data.internal.PictureEncoder;
import io.github.maskalign.core.data.internal.PictureSet;
import io.github.maskalign.core.data.internal.PreparedStore;
import io.github.maskalign.core.data.internal.PreparedStore.PrepareException;
import io.github.maskalign.core.data.internal.PreparedStore.SkippedPicture;
import io.github.maskalign.core.data.internal.ShardIndex;
import io.github.maskalign.core.data.internal.ShardSet;
import io.github.maskalign.core.data.internal.ShardVerifier;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureReader;
import io.github.maskalign.core.image.PictureWriter;
import io.github.maskalign.core.image.Resampler.CentreCrop;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PreparerTest {
    private static final int SIDE = 8;
    private static final PreparePlan PLAN = new PreparePlan(SIDE, 4, 3, 2);

    @TempDir
    Path root;

    private Path pictures;

    /** Eleven pictures in two classes, of which the third is no picture and the eighth is cut off. */
    @BeforeEach
    void draw() throws IOException {
        pictures = root.resolve("pictures");
        Random random = new Random(3);
        for (int i = 0; i < 11; i++) {
            Path file = pictures.resolve((i < 5 ? "a/" : "b/") + (10 + i) + ".png");
            Files.createDirectories(file.getParent());
            byte[] pixels = new byte[(9 + i) * 12 * 3];
            random.nextBytes(pixels);
            PictureWriter.write(file, Picture.of(9 + i, 12, pixels), PictureWriter.Packing.STORED);
            if (i == 2) {
                Files.writeString(file, "not a picture");
            } else if (i == 7) {
                Files.write(file, Arrays.copyOf(Files.readAllBytes(file), 200));
            }
        }
    }

    @Test
    void samplesAreTheCroppedPicturesInOrder() throws Exception {
        Path out = root.resolve("out");
        List<SkippedPicture> skipped = prepare(out, new FirstPixels(SIDE));

        assertThat(skipped).extracting(SkippedPicture::name).containsExactly("a/12.png", "b/17.png");
        assertThat(skipped.get(0).reason()).contains("a/12.png");
        try (ShardSet set = ShardSet.open(out)) {
            assertThat(set.size()).isEqualTo(9);
            assertThat(set.index().settings()).containsEntry("crop", "adm 8").containsEntry("encoder", "first pixels");
            for (int i = 0; i < 9; i++) {
                Picture cropped = CentreCrop.adm(PictureReader.read(pictures.resolve(set.name(i))), SIDE);
                byte[] image = new byte[3 * SIDE * SIDE];
                float[] moments = new float[2];
                set.readImage(i, image, 0);
                set.readMoments(i, moments, 0);

                assertThat(image).isEqualTo(cropped.toPlanar());
                assertThat(moments).containsExactly(image[0], image[1]);
                assertThat(set.label(i)).isEqualTo(set.name(i).startsWith("a") ? 0 : 1);
            }
        }
        assertThat(new ShardVerifier(out).problems(done -> {})).isEmpty();
    }

    @Test
    void interruptedWorkGoesOnAndGivesTheSameFiles() throws Exception {
        Path whole = root.resolve("whole");
        Path parts = root.resolve("parts");
        prepare(whole, new FirstPixels(SIDE));
        for (int limit : new int[] {1, 5, 9}) {
            try (PictureSet set = PictureSets.open(pictures)) {
                Preparer preparer = new Preparer(set, new FirstPixels(SIDE), PLAN, PreparedStore.shards(parts));
                boolean done = preparer.run(0, 1, (behind, computed, total) -> {
                    if (behind >= limit) {
                        preparer.requestStop();
                    }
                });
                assertThat(done).isFalse();
                assertThatThrownBy(preparer::finish).hasMessageContaining("is not there yet");
            }
        }
        Files.writeString(parts.resolve(ShardIndex.fileName(2)), "half a shard");
        FirstPixels counting = new FirstPixels(SIDE);
        prepare(parts, counting);

        assertThat(counting.count()).isEqualTo(3); // the last shard's pictures alone: the first two were there
        assertThat(content(parts)).isEqualTo(content(whole));
    }

    /** A flipped bit leaves the size as it is: only the hash tells. */
    @Test
    void resumingMakesADamagedShardAgain() throws Exception {
        Path whole = root.resolve("whole");
        Path parts = root.resolve("parts");
        prepare(whole, new FirstPixels(SIDE));
        prepare(parts, new FirstPixels(SIDE));
        flipLastBit(parts.resolve(ShardIndex.fileName(1)));
        Files.delete(parts.resolve(ShardIndex.FILE));
        try (PictureSet set = PictureSets.open(pictures)) {
            Preparer preparer = new Preparer(set, new FirstPixels(SIDE), PLAN, PreparedStore.shards(parts));
            assertThatThrownBy(preparer::finish)
                    .isInstanceOf(PrepareException.class)
                    .hasMessageContaining("shard 1 of 3 is damaged");
            assertThat(parts.resolve(ShardIndex.FILE)).doesNotExist();
        }

        FirstPixels counting = new FirstPixels(SIDE);
        prepare(parts, counting);

        assertThat(counting.count()).isEqualTo(3); // pictures 4 to 7, without the one that is cut off
        assertThat(content(parts)).isEqualTo(content(whole));
    }

    private static void flipLastBit(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length - 1] ^= 1;
        Files.write(file, bytes);
    }

    @Test
    void ranksShareTheWork() throws Exception {
        Path whole = root.resolve("whole");
        Path shared = root.resolve("shared");
        prepare(whole, new FirstPixels(SIDE));
        try (PictureSet set = PictureSets.open(pictures)) {
            for (int rank = 1; rank >= 0; rank--) {
                new Preparer(set, new FirstPixels(SIDE), PLAN, PreparedStore.shards(shared))
                        .run(rank, 2, (done, computed, total) -> {});
            }
            new Preparer(set, new FirstPixels(SIDE), PLAN, PreparedStore.shards(shared)).finish();
        }

        assertThat(content(shared)).isEqualTo(content(whole));
    }

    @Test
    void otherSettingsInTheSameFolderAreRefused() throws Exception {
        Path out = root.resolve("out");
        prepare(out, new FirstPixels(SIDE));
        try (PictureSet set = PictureSets.open(pictures)) {
            Preparer other =
                    new Preparer(set, new FirstPixels(SIDE), new PreparePlan(SIDE, 5, 3, 2), PreparedStore.shards(out));

            assertThatThrownBy(() -> other.run(0, 1, (done, computed, total) -> {}))
                    .isInstanceOf(PrepareException.class)
                    .hasMessageContaining("prepared differently")
                    .hasMessageContaining("shard_pictures was 4 and is now 5");
        }
    }

    @Test
    void damageIsFound() throws Exception {
        Path out = root.resolve("out");
        prepare(out, new FirstPixels(SIDE));
        flipLastBit(out.resolve(ShardIndex.fileName(1)));
        Files.delete(out.resolve(ShardIndex.fileName(2)));

        assertThat(new ShardVerifier(out).problems(done -> {}))
                .hasSize(3)
                .anySatisfy(p -> assertThat(p).contains("shard-00001", "SHA-256"))
                .anySatisfy(p -> assertThat(p).contains("shard-00001", "b/16.pnf of class 1 but"))
                .anySatisfy(p -> assertThat(p).contains("shard-00002", "no such file"));
    }

    private List<SkippedPicture> prepare(Path out, PictureEncoder encoder) throws IOException {
        try (PictureSet set = PictureSets.open(pictures)) {
            Preparer preparer = new Preparer(set, encoder, PLAN, PreparedStore.shards(out));
            assertThat(preparer.run(0, 1, (done, computed, total) -> {})).isTrue();
            return preparer.finish();
        }
    }

    private static Map<String, List<Byte>> content(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            Map<String, List<Byte>> out = new TreeMap<>();
            files.forEach(file -> {
                try {
                    List<Byte> bytes = new ArrayList<>();
                    for (byte b : Files.readAllBytes(file)) {
                        bytes.add(b);
                    }
                    out.put(file.getFileName().toString(), bytes);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            return out;
        }
    }
}
