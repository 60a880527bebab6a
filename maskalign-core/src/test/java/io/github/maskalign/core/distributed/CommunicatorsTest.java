package io.github.maskalign.core.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import io.github.maskalign.core.distributed.Communicators.LocalCommunicator;
import io.github.maskalign.core.distributed.internal.GradientBuckets;
import io.github.maskalign.core.distributed.internal.MpiLibrary;
import io.github.maskalign.core.distributed.internal.Share;
import io.github.maskalign.core.distributed.internal.Watchdog;
import io.github.maskalign.core.files.internal.OwnedArrays;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class CommunicatorsTest {
    @Test
    void aSingleProcessNeedsNothing() {
        try (NDManager manager = NDManager.newBaseManager();
                Communicator alone =
                        Communicators.open(Launch.SINGLE, Device.gpu(), Duration.ofSeconds(1), code -> {})) {
            NDArray array = OwnedArrays.of(manager, new Shape(2), new float[] {1, 2});
            alone.allReduceSum(array);
            alone.broadcast(array, 0);
            alone.barrier();
            NDList gradients = new NDList(array);

            assertThat(array.toFloatArray()).containsExactly(1, 2);
            assertThat(alone.allGather(new byte[] {7})).isDeepEqualTo(new byte[][] {{7}});
            assertThat(alone.isRoot()).isTrue();
            assertThat(new GradientBuckets(alone, 4).sum(gradients, manager)).isSameAs(gradients);
            assertThatThrownBy(() -> alone.broadcast(array, 1)).hasMessage("root must be in [0, 1) but was 1");
        }
    }

    @Test
    void ranksOnCpusNeedMpirun() {
        Launch launch = new Launch(Launch.Kind.TORCHRUN, 0, 2, 0, Optional.empty());

        assertThatThrownBy(() -> Communicators.open(launch, Device.cpu(), Duration.ofSeconds(1), code -> {}))
                .isInstanceOf(CommunicationException.class)
                .hasMessage(
                        "ranks on CPUs exchange arrays by Open MPI, but these 2 were started by torchrun; start them"
                                + " with mpirun, or with srun --mpi=pmix");
    }

    @Test
    void aMissingLibraryIsNamedWithTheRemedy() {
        assertThatThrownBy(() -> MpiLibrary.load(List.of("libnone_such.so.40")))
                .isInstanceOf(CommunicationException.class)
                .hasMessageContaining(
                        "Open MPI's library cannot be loaded; install it (Debian and Ubuntu: openmpi-bin)")
                .hasMessageContaining("libnone_such.so.40");
    }

    @Test
    void aLibraryThatIsNotOpenMpiIsRefused() {
        assertThatThrownBy(() -> MpiLibrary.load(List.of("libm.so.6")))
                .isInstanceOf(CommunicationException.class)
                .hasMessageContaining("libm.so.6 is an MPI library but not Open MPI's");
    }

    @Test
    void sharesCoverEverythingOnceAndDifferByOneAtMost() {
        for (int total : new int[] {0, 1, 7, 8, 256, 1_281_167}) {
            for (int parts : new int[] {1, 2, 3, 7, 64}) {
                long next = 0;
                for (int i = 0; i < parts; i++) {
                    Share share = Share.of(total, parts, i);
                    assertThat(share.first()).isEqualTo(next);
                    assertThat(share.count()).isBetween(total / parts, (total + parts - 1) / parts);
                    next += share.count();
                }
                assertThat(next).isEqualTo(total);
            }
        }
        assertThatThrownBy(() -> Share.of(4, 2, 2)).hasMessage("part 2 of 4 things in 2 parts does not exist");
    }

    @Test
    void largeArraysTravelAloneAndSmallOnesInBuckets() {
        long large = GradientBuckets.LARGE_BYTES / Float.BYTES;
        List<Long> elements = List.of(10L, large, 15L, 1L, large - 1, 1L, large + 5, 1L);

        assertThat(GradientBuckets.large(elements)).containsExactly(1, 6);
        assertThat(GradientBuckets.buckets(elements, 100))
                .containsExactly(List.of(0, 2), List.of(3), List.of(4), List.of(5, 7));
        assertThat(GradientBuckets.buckets(elements, 1L << 40)).containsExactly(List.of(0, 2, 3, 4, 5, 7));
        assertThat(GradientBuckets.buckets(List.of(), 100)).isEmpty();
        assertThatThrownBy(() -> new GradientBuckets(new LocalCommunicator(), 3))
                .hasMessage("bucketBytes must be at least 4 but was 3");
    }

    @Test
    void theWatchdogBarksOnceForACallThatTakesTooLong() throws Exception {
        BlockingQueue<String> overdue = new LinkedBlockingQueue<>();
        try (Watchdog dog = new Watchdog(Duration.ofMillis(100), overdue::add)) {
            assertThat(dog.watch("quick", () -> 4)).isEqualTo(4);
            Thread.sleep(200);
            assertThat(overdue).isEmpty();

            String said = dog.watch("MPI_Barrier", () -> poll(overdue));

            assertThat(said).isEqualTo("MPI_Barrier has not come to an end for 0 s");
            assertThat(dog.watch("quick again", () -> 5)).isEqualTo(5);
            assertThat(overdue).isEmpty();
        }
        assertThatThrownBy(() -> new Watchdog(Duration.ZERO, overdue::add))
                .hasMessage("patience with other ranks must be above 0 but was PT0S");
    }

    private static String poll(BlockingQueue<String> queue) {
        try {
            return String.valueOf(queue.poll(10, TimeUnit.SECONDS));
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
