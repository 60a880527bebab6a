package io.github.maskalign.core.data.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.maskalign.core.data.internal.PreparedStore.PreparedSample;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.data.internal.Shard.SamplePart;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.internal.SafetensorsHeader.TensorInfo;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class ShardSetTest {
    @TempDir
    Path folder;

    @Test
    void whatWasWrittenIsRead() throws Exception {
        Prepared.write(folder, Prepared.FULL, 3, 0, 4);

        requireSamples(folder);
    }

    /** Preparing takes days: a set as the first format wrote it is kept here as it is, and must be read for ever. */
    @Test
    void setOfTheFirstFormatIsRead() throws Exception {
        requireSamples(Path.of("src/test/resources/formats/prepared-1"));
    }

    /** The second format has a checksum of every sample; it too is kept as it is. */
    @Test
    void setOfTheSecondFormatIsRead() throws Exception {
        Path second = Path.of("src/test/resources/formats/prepared-2");

        requireSamples(second);
        try (ShardSet set = ShardSet.open(second)) {
            assertThat(set.hasChecksums()).isTrue();
        }
        Prepared.write(folder, Prepared.FULL, 3, 0, 4);
        assertThat(folder.resolve(ShardIndex.FILE)).hasSameBinaryContentAs(second.resolve(ShardIndex.FILE));
    }

    /** What an interrupted preparation of the first format has left gets its checksums from its content. */
    @Test
    void shardsOfTheFirstFormatGetChecksumsInANewIndex() throws Exception {
        Path first = Path.of("src/test/resources/formats/prepared-1");
        for (int s = 0; s < 3; s++) {
            Files.copy(first.resolve(ShardIndex.fileName(s)), folder.resolve(ShardIndex.fileName(s)));
        }
        try (ShardSet old = ShardSet.open(first)) {
            assertThat(old.hasChecksums()).isFalse();
            old.index().write(folder);
        }

        requireSamples(folder); // compares each with its checksum
        try (ShardSet set = ShardSet.open(folder)) {
            assertThat(set.hasChecksums()).isTrue();
        }
        damage(0, ShardBuilder.TOKENS, 3);
        try (ShardSet set = ShardSet.open(folder)) {
            assertThatThrownBy(() -> set.readTokens(0, new float[12], 0)).hasMessageContaining("it is damaged");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "moments, 72, MOMENTS, the moments of sample",
        "image, 75, IMAGE, the image of sample",
        "tokens, 12, TOKENS, the bytes of token 2 of sample",
        "tokens.scale, 16, TOKENS, the bytes of token 2 of sample",
        "tokens.crc32c, 16, TOKENS, the checksums of the tokens of sample",
    })
    void aDamagedSampleIsNamedWhenItIsRead(String tensor, int bytesOfOne, SamplePart part, String what)
            throws Exception {
        Prepared.write(folder, Prepared.FULL, 3, 0, 4);
        damage(2, tensor, 2 * bytesOfOne + bytesOfOne / 2); // in sample 5, the third of the last shard

        try (ShardSet set = ShardSet.open(folder)) {
            for (int i = 0; i < set.size(); i++) {
                int sample = i;
                for (SamplePart each : SamplePart.values()) {
                    if (sample == 5 && each == part) {
                        assertThatThrownBy(() -> read(set, sample, each))
                                .isInstanceOf(CheckpointFormatException.class)
                                .hasMessageContaining("shard-00002.safetensors")
                                .hasMessageContaining(
                                        "it is damaged: " + what + " " + set.name(5) + " have the CRC-32C");
                    } else {
                        read(set, sample, each);
                    }
                }
            }
            set.readTokens(4, new int[] {2}, new float[3], 0);
            if (part == SamplePart.TOKENS) {
                assertThatThrownBy(() -> set.readTokens(5, new int[] {0, 2}, new float[6], 0))
                        .hasMessageContaining("it is damaged");
            }
        }
        assertThat(new ShardVerifier(folder).problems(done -> {}))
                .hasSize(2)
                .anySatisfy(p -> assertThat(p).contains("shard-00002", "SHA-256"))
                .anySatisfy(p -> assertThat(p).contains("shard-00002", what, "/5.JPEG"));
    }

    @Test
    void aDamagedIndexIsRefused() throws Exception {
        Prepared.write(folder, Prepared.FULL, 3);
        for (String tensor : List.of(ShardBuilder.LABEL, ShardBuilder.NAME, SamplePart.IMAGE.checksums())) {
            Path index = folder.resolve(ShardIndex.FILE);
            byte[] good = Files.readAllBytes(index);
            damage(index, tensor, 0);

            assertThatThrownBy(() -> ShardSet.open(folder))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("it is damaged: the SHA-256 of its tensors is");

            Files.write(index, good);
        }
    }

    private static void read(ShardSet set, int sample, SamplePart part) throws IOException {
        SampleLayout layout = set.layout();
        switch (part) {
            case MOMENTS -> set.readMoments(sample, new float[layout.momentValues()], 0);
            case IMAGE -> set.readImage(sample, new byte[layout.imageBytes()], 0);
            case TOKENS -> set.readTokens(sample, new float[layout.tokenValues()], 0);
        }
    }

    private void damage(int shard, String tensor, long at) throws IOException {
        damage(folder.resolve(ShardIndex.fileName(shard)), tensor, at);
    }

    /** Flips the lowest bit of a byte of a tensor. */
    static void damage(Path path, String tensor, long at) throws IOException {
        long position;
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            long header = Files.size(path)
                    - file.tensors().values().stream()
                            .mapToLong(TensorInfo::end)
                            .max()
                            .orElseThrow();
            position = header + file.tensors().get(tensor).begin() + at;
        }
        byte[] bytes = Files.readAllBytes(path);
        bytes[Math.toIntExact(position)] ^= 1;
        Files.write(path, bytes);
    }

    private static void requireSamples(Path folder) throws IOException {
        SampleLayout layout = Prepared.FULL;
        try (ShardSet set = ShardSet.open(folder)) {
            assertThat(set.size()).isEqualTo(7);
            assertThat(set.classes()).isEqualTo(3);
            assertThat(set.layout()).isEqualTo(layout);
            assertThat(set.index().settings()).isEqualTo(Map.of("crop", "adm 256"));
            for (int i = 6; i >= 0; i--) {
                PreparedSample expected = Prepared.sample(layout, i);
                float[] moments = new float[layout.momentValues() + 1];
                byte[] image = new byte[layout.imageBytes()];
                float[] tokens = new float[layout.tokenValues()];
                set.readMoments(i, moments, 1);
                set.readImage(i, image, 0);
                set.readTokens(i, tokens, 0);

                assertThat(set.name(i)).isEqualTo(expected.name());
                assertThat(set.label(i)).isEqualTo(expected.label());
                assertThat(image).isEqualTo(expected.image());
                for (int k = 0; k < layout.momentValues(); k++) {
                    // float16: half a unit in the last of 11 bits
                    float x = expected.moments()[k];
                    assertThat(moments[k + 1]).isCloseTo(x, within(Math.abs(x) * 0x1p-11f + 0x1p-25f));
                }
                requireClose(tokens, expected.tokens(), layout);
            }
        }
    }

    private static void requireClose(float[] found, float[] expected, SampleLayout layout) {
        for (int t = 0; t < layout.tokens(); t++) {
            float most = 0;
            for (int k = 0; k < layout.tokenWidth(); k++) {
                most = Math.max(most, Math.abs(expected[t * layout.tokenWidth() + k]));
            }
            for (int k = 0; k < layout.tokenWidth(); k++) {
                int at = t * layout.tokenWidth() + k;
                // half a level of 127, and the rounding of the division
                assertThat(found[at]).isCloseTo(expected[at], within(most / 127 * 0.5001f));
            }
        }
    }

    @Test
    void filesThatAreNotNeededAreClosed() throws Exception {
        Path handles = Path.of("/proc/self/fd");
        assumeTrue(Files.isDirectory(handles));
        int shards = 40;
        int mostOpen = 4;
        Prepared.write(
                folder, Prepared.FULL, IntStream.generate(() -> 2).limit(shards).toArray());
        AtomicInteger most = new AtomicInteger();
        try (ShardSet set = ShardSet.open(folder, mostOpen)) {
            IntStream.range(0, 4_000).parallel().forEach(n -> {
                int i = new SplittableRandom(n).nextInt(2 * shards);
                byte[] image = new byte[Prepared.FULL.imageBytes()];
                try {
                    set.readImage(i, image, 0);
                    if (n % 100 == 0) {
                        most.accumulateAndGet(open(handles), Math::max);
                    }
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
                assertThat(image).isEqualTo(Prepared.sample(Prepared.FULL, i).image());
            });
            assertThat(open(handles)).isEqualTo(mostOpen);
        }
        assertThat(open(handles)).isZero();
        // besides those kept open, each thread has one in use
        assertThat(most.get()).isBetween(1, mostOpen + ForkJoinPool.getCommonPoolParallelism() + 1);
    }

    private int open(Path handles) throws IOException {
        int count = 0;
        try (DirectoryStream<Path> all = Files.newDirectoryStream(handles)) {
            for (Path handle : all) {
                try {
                    count += Files.readSymbolicLink(handle).startsWith(folder.toRealPath()) ? 1 : 0;
                } catch (NoSuchFileException e) {
                    continue; // closed since the folder was listed
                }
            }
        }
        return count;
    }

    @Test
    void closedSetsAreNotRead() throws Exception {
        Prepared.write(folder, Prepared.FULL, 2);
        ShardSet set = ShardSet.open(folder);
        set.close();

        assertThatThrownBy(() -> set.readImage(0, new byte[75], 0))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("after the prepared set was closed");
    }

    @ParameterizedTest
    @EnumSource(FloatCode.class)
    void someTokensAreThoseOfAll(FloatCode code) throws Exception {
        SampleLayout layout = new SampleLayout(1, 1, FloatCode.FLOAT32, 0, 12, 600, code); // a few to a page
        Prepared.write(folder, layout, 2);
        int[][] choices = {{0}, {11}, {0, 1, 2}, {0, 11}, {0, 2, 4, 9, 11}, {7, 3, 3, 11, 0}, {}};
        try (ShardSet set = ShardSet.open(folder)) {
            float[] all = new float[layout.tokenValues()];
            set.readTokens(1, all, 0);
            for (int[] rows : choices) {
                float[] some = new float[2 + rows.length * 600];
                set.readTokens(1, rows, some, 2);
                for (int k = 0; k < rows.length; k++) {
                    assertThat(Arrays.copyOfRange(some, 2 + k * 600, 2 + (k + 1) * 600))
                            .isEqualTo(Arrays.copyOfRange(all, rows[k] * 600, (rows[k] + 1) * 600));
                }
            }
        }
    }

    @Test
    void identityFollowsTheContent() throws Exception {
        ShardIndex first = Prepared.write(folder, Prepared.FULL, 3);
        ShardIndex again = Prepared.write(folder, Prepared.FULL, 3);
        ShardIndex other = Prepared.write(folder, Prepared.FULL, 4);

        assertThat(again.identity()).isEqualTo(first.identity());
        assertThat(other.identity()).isNotEqualTo(first.identity());
        try (ShardSet set = ShardSet.open(folder)) {
            assertThat(set.identity()).isEqualTo(other.identity());
        }
    }

    @Test
    void unfinishedSetsAreRefused() throws Exception {
        Prepared.write(folder, Prepared.FULL, 2);
        Files.delete(folder.resolve(ShardIndex.FILE));

        assertThatThrownBy(() -> ShardSet.open(folder))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("not finished");
    }

    @Test
    void shardOfAnotherSizeIsRefusedWhenItIsRead() throws Exception {
        Prepared.write(folder, Prepared.FULL, 2, 3);
        Files.copy(folder.resolve(ShardIndex.fileName(0)), folder.resolve("copy"));
        Files.move(
                folder.resolve("copy"),
                folder.resolve(ShardIndex.fileName(1)),
                java.nio.file.StandardCopyOption.REPLACE_EXISTING);

        try (ShardSet set = ShardSet.open(folder)) {
            set.readImage(1, new byte[75], 0);
            assertThatThrownBy(() -> set.readImage(2, new byte[75], 0))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("tensor label must be I32 (3) but is I32 (2)")
                    .hasMessageContaining("tensor image must be U8 (3, 3, 5, 5)");
        }
    }

    @Test
    void samplesThatDoNotFitAreRefused() {
        ShardBuilder builder = new ShardBuilder(Prepared.FULL);
        PreparedSample good = Prepared.sample(Prepared.FULL, 1);
        float[] notFinite = good.moments().clone();
        notFinite[3] = Float.NaN;

        assertThatThrownBy(() -> builder.add(new PreparedSample("x", 0, good.moments(), null, good.tokens())))
                .hasMessage("image of x must have 75 values but has 0");
        assertThatThrownBy(() -> builder.add(new PreparedSample("x", 0, notFinite, good.image(), good.tokens())))
                .hasMessage("a number to store is NaN");
        assertThat(builder.size()).isZero();
    }

    @Test
    void labelsWithoutClassAreRefused() throws IOException {
        ShardBuilder builder = new ShardBuilder(Prepared.FULL);
        PreparedSample good = Prepared.sample(Prepared.FULL, 1);
        builder.add(new PreparedSample("x", 3, good.moments(), good.image(), good.tokens()));
        String sha =
                builder.write(folder.resolve(ShardIndex.fileName(0)), Map.of()).sha256();
        ShardIndex index =
                new ShardIndex(Prepared.FULL, Map.of(), Prepared.CLASSES, List.of(new ShardIndex.Entry(1, sha)));

        assertThatThrownBy(() -> index.write(folder))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("labels must be in [0, 2] but one is 3");
    }
}
