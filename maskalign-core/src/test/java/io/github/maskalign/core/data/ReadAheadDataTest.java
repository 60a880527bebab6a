package io.github.maskalign.core.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.TrainingData.TrainingBatch;
import io.github.maskalign.core.data.internal.SampleBuffer;
import io.github.maskalign.core.data.internal.SampleBuffer.BufferedData;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ReadAheadDataTest {
    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    /** Sample p is the number p with label p; writes down which batches were read by which thread. */
    private static class Counting implements BufferedData {
        final ConcurrentHashMap<Long, Thread> reads = new ConcurrentHashMap<>();
        final Semaphore readsDone = new Semaphore(0);

        @Override
        public long size() {
            return 17;
        }

        @Override
        public SampleBuffer read(long first, int count) {
            long[] labels = LongStream.range(first, first + count).toArray();
            float[] latents = new float[count];
            for (int i = 0; i < count; i++) {
                latents[i] = labels[i];
            }
            reads.put(first, Thread.currentThread());
            readsDone.release();
            return new SampleBuffer(latents, new Shape(count, 1, 1, 1), labels);
        }
    }

    private void assertGives(TrainingData data, long first, int count) {
        TrainingBatch batch = data.batch(manager, first, count);
        assertThat(batch.labels().toLongArray())
                .containsExactly(LongStream.range(first, first + count).toArray());
        assertThat(batch.latents().getShape()).isEqualTo(new Shape(count, 1, 1, 1));
        assertThat(batch.images()).isNull();
    }

    @Test
    void givesWhatTheSourceGivesForAnyRequest() {
        try (ReadAheadData data = new ReadAheadData(new Counting(), 3)) {
            assertThat(data.size()).isEqualTo(17);
            for (long first : new long[] {0, 4, 8, 12, 100, 104, 0, 0, 4}) {
                assertGives(data, first, 4);
            }
            assertGives(data, 8, 3); // another size at the place that was read ahead
            assertGives(data, 11, 3);
        }
    }

    @Test
    void nextBatchesAreReadByTheOtherThreadBeforeTheyAreAskedFor() throws Exception {
        Counting source = new Counting();
        try (ReadAheadData data = new ReadAheadData(source, 2)) {
            assertGives(data, 40, 5);

            assertThat(source.readsDone.tryAcquire(3, 30, TimeUnit.SECONDS)).isTrue();
            assertThat(source.reads.keySet()).containsExactlyInAnyOrder(40L, 45L, 50L);
            assertThat(source.reads.values()).doesNotContain(Thread.currentThread());
        }
    }

    @Test
    void noBatchIsReadTwiceInARow() throws Exception {
        Counting source = new Counting();
        try (ReadAheadData data = new ReadAheadData(source, 2)) {
            for (int i = 0; i < 10; i++) {
                assertGives(data, 3L * i, 3);
            }
            assertThat(source.readsDone.tryAcquire(12, 30, TimeUnit.SECONDS)).isTrue();
            assertThat(source.readsDone.availablePermits()).isZero(); // 10 used, 2 ahead
        }
    }

    @Test
    void failureComesWithItsOwnBatchAndTheNextRequestTriesAgain() {
        Counting source = new Counting() {
            private boolean failed;

            @Override
            public synchronized SampleBuffer read(long first, int count) {
                if (first == 4 && !failed) {
                    failed = true;
                    throw new IllegalArgumentException("shard 2 is damaged");
                }
                return super.read(first, count);
            }
        };
        try (ReadAheadData data = new ReadAheadData(source, 1)) {
            assertGives(data, 0, 4);
            assertThatThrownBy(() -> data.batch(manager, 4, 4))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("shard 2 is damaged");
            assertGives(data, 4, 4);
            assertGives(data, 8, 4);
        }
    }

    @Test
    void interruptKeepsTheSamplesAndTheFlag() throws Exception {
        CountDownLatch release = new CountDownLatch(1);
        BufferedData slow = new Counting() {
            @Override
            public SampleBuffer read(long first, int count) {
                try {
                    release.await();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
                return super.read(first, count);
            }
        };
        Thread training = Thread.currentThread();
        Thread user = new Thread(() -> {
            while (training.getState() != Thread.State.WAITING) {
                Thread.onSpinWait();
            }
            training.interrupt();
            while (training.getState() != Thread.State.WAITING) { // it waits on
                Thread.onSpinWait();
            }
            release.countDown();
        });
        try (ReadAheadData data = new ReadAheadData(slow, 1)) {
            user.start();
            assertGives(data, 6, 2);
            assertThat(Thread.interrupted()).isTrue();
        } finally {
            release.countDown();
            user.join();
        }
    }

    @Test
    void threadEndsWithClose() throws Exception {
        Counting source = new Counting();
        ReadAheadData data = new ReadAheadData(source, 1);
        assertGives(data, 0, 2);
        List<Thread> threads = List.copyOf(source.reads.values());
        data.close();
        data.close();

        assertThat(threads).isNotEmpty();
        for (Thread thread : threads) {
            assertThat(thread.isDaemon()).isTrue();
            thread.join(30_000);
            assertThat(thread.isAlive()).isFalse();
        }
        assertThatThrownBy(() -> data.batch(manager, 2, 2))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
    }

    @Test
    void depthOutOfRangeIsRefused() {
        for (int ahead : new int[] {0, 65}) {
            assertThatThrownBy(() -> new ReadAheadData(new Counting(), ahead))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("[1, 64] but was " + ahead);
        }
    }
}
