package io.github.maskalign.core.data.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.data.internal.ShardVerifier.ShardWatch;
import io.github.maskalign.core.files.CheckpointFormatException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The check of all shards that goes on while a run trains. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class ShardWatchTest {
    private static final String THREAD = "maskalign-shard-check";

    @TempDir
    Path folder;

    /** The names of a shard are no part of a sample: only the hash tells. */
    @Test
    void aDamagedShardEndsAllReads() throws Exception {
        Prepared.write(folder, Prepared.FULL, 3, 4, 2);
        ShardSetTest.damage(folder.resolve(ShardIndex.fileName(1)), ShardBuilder.NAME, 0);

        try (ShardSet set = ShardSet.open(folder)) {
            assertThat(set.watch()).isEmpty();
            awaitEnd();

            assertThatThrownBy(() -> set.readImage(0, new byte[75], 0))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("shard-00001.safetensors")
                    .hasMessageContaining("it is damaged: its SHA-256 is")
                    .hasMessageContaining(
                            "but the index says " + set.index().shards().get(1).sha256());
        }
    }

    @Test
    void aMissingShardIsNamed() throws Exception {
        Prepared.write(folder, Prepared.FULL, 3, 4);
        Files.delete(folder.resolve(ShardIndex.fileName(1)));

        try (ShardSet set = ShardSet.open(folder)) {
            assertThat(set.watch()).isEmpty();
            awaitEnd();

            assertThatThrownBy(() -> set.readMoments(0, new float[36], 0))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("shard-00001.safetensors")
                    .hasMessageContaining("there is no such file");
        }
    }

    @Test
    void soundSetsAreReadOn() throws Exception {
        Prepared.write(folder, Prepared.FULL, 3, 0, 4);

        try (ShardSet set = ShardSet.open(folder)) {
            assertThat(set.watch()).isEmpty();
            assertThat(set.watch()).isEmpty(); // a second thread is not begun
            awaitEnd();

            assertThatCode(() -> set.readImage(6, new byte[75], 0)).doesNotThrowAnyException();
        }
    }

    /** 4 GiB of nothing take seconds at least, with the rests in between many; closing takes one piece. */
    @Test
    void closingEndsTheCheckAtOnce() throws Exception {
        Path large = folder.resolve(ShardIndex.fileName(0));
        try (FileChannel file = FileChannel.open(
                large, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.SPARSE)) {
            file.write(ByteBuffer.allocate(1), (4L << 30) - 1);
        }
        ShardWatch watch = ShardWatch.start(folder, List.of(new ShardIndex.Entry(1, "0".repeat(64))));
        assertThat(threads()).isEqualTo(1);

        watch.close();

        assertThat(threads()).isZero();
        assertThatCode(watch::requireSound).doesNotThrowAnyException(); // what was not compared is not called damaged
    }

    @Test
    void setsWithoutChecksumsSaySo() throws Exception {
        try (ShardSet set = ShardSet.open(Path.of("src/test/resources/formats/prepared-1"))) {
            assertThat(set.watch().orElseThrow()).contains("has no checksums of samples");
            awaitEnd();
            assertThatCode(() -> set.readImage(6, new byte[75], 0)).doesNotThrowAnyException();
        }
        RepaFolders repa = RepaFolders.in(Path.of("src/test/resources/golden/repa_layout"));
        try (RepaSet set = RepaSet.open(repa)) {
            assertThat(set.watch().orElseThrow()).contains("REPA's layout has no checksums");
        }
    }

    private static void awaitEnd() throws InterruptedException {
        while (threads() > 0) {
            Thread.sleep(5);
        }
    }

    private static long threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().equals(THREAD))
                .count();
    }
}
