package io.github.maskalign.core.data.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.fuzz.Bytes;
import io.github.maskalign.core.fuzz.Fuzz;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A damaged index or shard is read or refused with the one documented exception, in bounded time and memory. */
class ShardFuzzTest {
    private static final int FAST = 2_000;
    private static final int SLOW = 20_000;

    @TempDir
    Path folder;

    @BeforeEach
    void writeSet() throws IOException {
        Prepared.write(folder, Prepared.FULL, 3, 2);
    }

    @Test
    void damagedIndexIsReadOrRefused() throws Exception {
        assertThat(damaged(ShardIndex.FILE, FAST)).isBetween(FAST / 50, FAST * 9 / 10);
    }

    @Test
    void damagedShardIsReadOrRefused() throws Exception {
        assertThat(damaged(ShardIndex.fileName(1), FAST)).isBetween(FAST / 50, FAST * 9 / 10);
    }

    @Test
    @Tag("slow")
    void manyDamagedIndexesAreReadOrRefused() throws Exception {
        assertThat(damaged(ShardIndex.FILE, SLOW)).isPositive();
    }

    @Test
    @Tag("slow")
    void manyDamagedShardsAreReadOrRefused() throws Exception {
        assertThat(damaged(ShardIndex.fileName(1), SLOW)).isPositive();
    }

    private int damaged(String name, int count) throws IOException {
        Path file = folder.resolve(name);
        return Fuzz.of(List.of(Files.readAllBytes(file)), ShardFuzzTest::mutate, CheckpointFormatException.class)
                .within(1 << 30, 2_000) // a claim of 2^26 floats is taken at its word until a shard contradicts it
                .run(count, input -> {
                    Files.write(file, input);
                    readAll();
                });
    }

    private void readAll() throws IOException {
        try (ShardSet set = ShardSet.open(folder)) {
            SampleLayout layout = set.layout();
            float[] moments = new float[layout.momentValues()];
            byte[] image = new byte[layout.imageBytes()];
            float[] tokens = new float[layout.tokenValues()];
            for (int i = 0; i < set.size(); i++) {
                set.readMoments(i, moments, 0);
                if (image.length > 0) {
                    set.readImage(i, image, 0);
                }
                if (tokens.length > 0) {
                    set.readTokens(i, tokens, 0);
                }
                assertThat(set.name(i)).isNotNull();
                assertThat(set.label(i)).isBetween(0, set.classes() - 1);
            }
        }
    }

    /** Half of the damage changes numbers of the header and leaves the rest of it whole. */
    private static byte[] mutate(byte[] seed, Random random) {
        if (random.nextBoolean()) {
            return Bytes.mutate(seed, random);
        }
        int length = (int) ByteBuffer.wrap(seed).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
        byte[] header = new byte[length + 8];
        System.arraycopy(seed, 8, header, 0, length);
        int at = random.nextInt(length);
        while (header[at] < '0' || header[at] > '9') {
            at = (at + 1) % length;
        }
        int more = random.nextInt(3) == 0 ? 8 : 0; // digits that are put in
        System.arraycopy(header, at, header, at + more, length - at);
        for (int i = at; i <= at + more; i++) {
            header[i] = (byte) ('0' + random.nextInt(10));
        }
        ByteBuffer out = ByteBuffer.allocate(seed.length + more).order(ByteOrder.LITTLE_ENDIAN);
        out.putLong(length + more).put(header, 0, length + more).put(seed, 8 + length, seed.length - 8 - length);
        return out.array();
    }
}
