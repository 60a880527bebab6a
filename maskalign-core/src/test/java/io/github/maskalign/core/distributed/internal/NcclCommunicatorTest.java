package io.github.maskalign.core.distributed.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import com.sun.jna.NativeLibrary;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import io.github.maskalign.core.distributed.Launch;
import io.github.maskalign.core.files.internal.OwnedArrays;
import java.io.IOException;
import java.io.InputStream;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** Everything up to NCCL itself: a few lines of C stand in for it, and the CPU's memory for a GPU's. */
class NcclCommunicatorTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    @TempDir
    static Path folder;

    private static NativeLibrary library;

    private Path calls;

    @BeforeAll
    static void compile() throws Exception {
        Path source = folder.resolve("fake_nccl.c");
        Path binary = folder.resolve("libfake_nccl.so");
        try (InputStream in = NcclCommunicatorTest.class.getResourceAsStream("fake_nccl.c")) {
            Files.copy(Objects.requireNonNull(in), source);
        }
        try {
            Process gcc = new ProcessBuilder(
                            "gcc", "-O1", "-shared", "-fPIC", "-o", binary.toString(), source.toString())
                    .inheritIO()
                    .start();
            assertThat(gcc.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(gcc.exitValue()).isZero();
        } catch (IOException e) {
            Assumptions.abort("needs gcc to compile a stand-in for NCCL");
        }
        library = NativeLibrary.getInstance(binary.toString());
    }

    @BeforeEach
    void recordCalls() throws IOException {
        calls = Files.createTempFile(folder, "calls", ".txt");
        library.getFunction("fake_open").invokeVoid(new Object[] {calls.toString()});
    }

    @Test
    void aGroupIsJoinedUsedAndLeftInOrder() throws Exception {
        Launch launch = torchrun(0, 2);
        CompletableFuture<byte[]> other = CompletableFuture.supplyAsync(
                () -> new IdExchange(launch.master().orElseThrow(), 2, PATIENCE).take(1, NcclLibrary.ID_BYTES));
        try (NDManager manager = NDManager.newBaseManager(Device.cpu());
                Communicator ranks = join(launch, new ArrayList<>())) {
            NDArray floats = OwnedArrays.of(manager, new Shape(2, 3), new float[] {1, 2, 3, 4, 5, 6});
            ranks.allReduceSum(floats);
            NDArray longs = OwnedArrays.of(manager, new Shape(2), new long[] {1L << 40, -3});
            ranks.allReduceSum(longs);
            NDArray doubles = manager.create(new Shape(1), DataType.FLOAT64);
            doubles.set(new double[] {0.25});
            ranks.allReduceSum(doubles);
            ranks.broadcast(floats, 1);
            byte[][] gathered = ranks.allGather(new byte[] {4, 5});
            ranks.allReduceSum(manager.create(new Shape(0), DataType.FLOAT32));

            assertThat(floats.toFloatArray()).containsExactly(2, 4, 6, 8, 10, 12);
            assertThat(longs.toLongArray()).containsExactly(1L << 41, -6);
            assertThat(doubles.toDoubleArray()).containsExactly(0.5);
            assertThat(gathered).isDeepEqualTo(new byte[][] {{4, 5}, {4, 5}});
            assertThat(ranks.description()).isEqualTo("NCCL 2.20.5");
            assertThat(ranks.rank()).isZero();
            assertThat(ranks.size()).isEqualTo(2);
        }

        byte[] id = other.get(20, TimeUnit.SECONDS);
        int sum = 0;
        for (int i = 0; i < 128; i++) {
            assertThat(id[i]).isEqualTo((byte) (i * 7 + 1));
            sum = sum * 31 + (id[i] & 0xff);
        }
        assertThat(Files.readAllLines(calls))
                .containsExactly(
                        "cudaSetDevice 0",
                        "id",
                        "stream flags 1",
                        "join 2 0 " + Integer.toUnsignedString(sum),
                        "cudaSetDevice 0",
                        "mark 0xe1 in (nil)",
                        "cudaSetDevice 0",
                        "0x50 waits for 0xe1",
                        "batch",
                        "sum 6 type 7 op 0 in-place 1 stream 0x50",
                        "end of batch",
                        "synchronise 0x50",
                        "cudaSetDevice 0",
                        "mark 0xe1 in (nil)",
                        "cudaSetDevice 0",
                        "0x50 waits for 0xe1",
                        "batch",
                        "sum 2 type 4 op 0 in-place 1 stream 0x50",
                        "end of batch",
                        "synchronise 0x50",
                        "cudaSetDevice 0",
                        "mark 0xe1 in (nil)",
                        "cudaSetDevice 0",
                        "0x50 waits for 0xe1",
                        "batch",
                        "sum 1 type 8 op 0 in-place 1 stream 0x50",
                        "end of batch",
                        "synchronise 0x50",
                        "cudaSetDevice 0",
                        "mark 0xe0 in (nil)",
                        "cudaSetDevice 0",
                        "0x50 waits for 0xe0",
                        "broadcast 24 type 1 root 1 in-place 1 stream 0x50",
                        "synchronise 0x50",
                        "cudaSetDevice 0",
                        "copy 2 kind 1 stream 0x50",
                        "gather 2 type 1 stream 0x50",
                        "copy 4 kind 2 stream 0x50",
                        "synchronise 0x50",
                        "cudaSetDevice 0",
                        "stream 0x50 ends",
                        "leave 1");
        assertThat(library.getFunction("fake_events").invokeLong(new Object[0])).isZero();
    }

    /** What another thread sums while this one computes: marked when it is prepared, in one batch, waited for there. */
    @Test
    void preparedSumsTravelTogetherOnTheirOwnStream() throws Exception {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu());
                Communicator ranks = join(torchrun(0, 1), new ArrayList<>())) {
            NDArray a = OwnedArrays.of(manager, new Shape(2), new float[] {1, 2});
            NDArray b = OwnedArrays.of(manager, new Shape(3), new float[] {3, 4, 5});
            NDArray none = manager.create(new Shape(0), DataType.FLOAT32);
            recordCalls();

            Runnable first = ranks.prepareSums(new NDList(a, none));
            Runnable second = ranks.prepareSums(new NDList(b, a));
            ranks.prepareSums(new NDList(none)).run();
            Thread other = new Thread(() -> {
                first.run();
                second.run();
            });
            other.start();
            other.join();

            assertThat(Files.readAllLines(calls))
                    .containsExactly(
                            "cudaSetDevice 0",
                            "mark 0xe1 in (nil)",
                            "cudaSetDevice 0",
                            "mark 0xe2 in (nil)",
                            "cudaSetDevice 0",
                            "0x50 waits for 0xe1",
                            "batch",
                            "sum 2 type 7 op 0 in-place 1 stream 0x50",
                            "end of batch",
                            "synchronise 0x50",
                            "cudaSetDevice 0",
                            "0x50 waits for 0xe2",
                            "batch",
                            "sum 3 type 7 op 0 in-place 1 stream 0x50",
                            "sum 2 type 7 op 0 in-place 1 stream 0x50",
                            "end of batch",
                            "synchronise 0x50");
        }
    }

    @Test
    void aPeerThatIsGoneEndsTheWaitWithItsReason() throws Exception {
        BlockingQueue<Integer> codes = new LinkedBlockingQueue<>();
        ListAppender<ILoggingEvent> log = new ListAppender<>();
        log.start();
        Logger logger = (Logger) LoggerFactory.getLogger(NcclCommunicator.class);
        logger.addAppender(log);
        try (NDManager manager = NDManager.newBaseManager(Device.cpu());
                Communicator ranks = join(torchrun(0, 1), codes::add)) {
            NDArray array = OwnedArrays.of(manager, new Shape(1), new float[] {1});
            library.getFunction("fake_trouble").invokeVoid(new Object[] {6});
            Thread waiting = new Thread(() -> ranks.allReduceSum(array));
            waiting.start();

            assertThat(codes.poll(15, TimeUnit.SECONDS)).isEqualTo(1); // patience is 20 s
            assertThat(log.list)
                    .anySatisfy(event -> assertThat(event.getFormattedMessage())
                            .contains("rank 0 of 1: ncclAllReduce waits in vain: remote process exited (6)"));
            library.getFunction("fake_trouble").invokeVoid(new Object[] {0});
            waiting.join();
        } finally {
            logger.detachAppender(log);
        }
    }

    @Test
    void longBytesTravelInPieces() throws Exception {
        byte[] mine = new byte[20_000];
        for (int i = 0; i < mine.length; i++) {
            mine[i] = (byte) (i * 31);
        }
        try (Communicator ranks = join(torchrun(0, 1), new ArrayList<>())) {
            assertThat(ranks.allGather(mine)).isDeepEqualTo(new byte[][] {mine});
            assertThat(ranks.allGather(new byte[0])).isDeepEqualTo(new byte[1][0]);
        }
    }

    @Test
    void anotherRankTakesTheIdOfRankZero() throws Exception {
        Launch launch = torchrun(1, 2);
        byte[] id = new byte[NcclLibrary.ID_BYTES];
        id[0] = 9;
        CompletableFuture<Void> root =
                CompletableFuture.runAsync(() -> new IdExchange(launch.master().orElseThrow(), 2, PATIENCE).give(id));

        join(launch, new ArrayList<>()).close();

        root.get(20, TimeUnit.SECONDS);
        assertThat(Files.readAllLines(calls))
                .noneMatch(line -> line.equals("id"))
                .anyMatch(line -> line.startsWith("join 2 1 "));
    }

    @Test
    void errorsNameTheCallAndTheReason() throws Exception {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu());
                Communicator ranks = join(torchrun(0, 1), new ArrayList<>())) {
            library.getFunction("fake_fail").invokeVoid(new Object[] {6});
            NDArray array = OwnedArrays.of(manager, new Shape(1), new float[] {1});

            assertThatThrownBy(() -> ranks.allReduceSum(array))
                    .isInstanceOf(CommunicationException.class)
                    .hasMessage("ncclAllReduce failed: remote process exited (6)");
            assertThatThrownBy(() -> ranks.broadcast(array, 1)).hasMessage("root must be in [0, 1) but was 1");
            assertThatThrownBy(() -> ranks.allReduceSum(OwnedArrays.of(manager, new Shape(1), new byte[1])))
                    .hasMessageContaining("only FLOAT32, FLOAT64 and INT64 can be summed");
        }
    }

    @Test
    void aSharedGpuIsNamedAsTheLikelyReason() {
        library.getFunction("fake_fail").invokeVoid(new Object[] {5});

        assertThatThrownBy(() -> join(torchrun(0, 1), new ArrayList<>()))
                .isInstanceOf(CommunicationException.class)
                .hasMessageStartingWith("ncclCommInitRank failed: nccl error (5); ")
                .hasMessageContaining("two ranks use the same GPU")
                .hasMessageContaining("--gpus-per-task");
    }

    @Test
    void aGpuHasTheAddressThatCudaTells() {
        assertThat(new NcclLibrary(library, library).address(1)).isEqualTo("0000:3C:00.0");
    }

    @Test
    void abortEndsTheProcessWithTheGivenCode() throws Exception {
        List<Integer> codes = new ArrayList<>();

        try (Communicator ranks = join(torchrun(0, 1), codes)) {
            ranks.abort(3);
        }

        assertThat(codes).containsExactly(3);
    }

    @Test
    void aLauncherWithoutAddressIsRefused() {
        Launch launch = new Launch(Launch.Kind.TORCHRUN, 0, 2, 0, Optional.empty());

        assertThatThrownBy(() -> join(launch, new ArrayList<>()))
                .isInstanceOf(CommunicationException.class)
                .hasMessage("torchrun does not say where rank 0 is; set MASTER_ADDR and MASTER_PORT");
    }

    @Test
    void missingLibrariesAreNamed() {
        assertThatThrownBy(() -> NcclLibrary.open("ncclCommInitRank", "libnone_such", "libnone_such.so.2"))
                .isInstanceOf(CommunicationException.class)
                .hasMessageContaining("no library with ncclCommInitRank was found among [libnone_such.so.2]")
                .hasMessageContaining("profile cuda");
    }

    private static Communicator join(Launch launch, List<Integer> codes) {
        return join(launch, (IntConsumer) codes::add);
    }

    private static Communicator join(Launch launch, IntConsumer exit) {
        return new NcclCommunicator(launch, new NcclLibrary(library, library), Device.cpu(), null, PATIENCE, exit);
    }

    private static Launch torchrun(int rank, int size) throws IOException {
        try (ServerSocket free = new ServerSocket(0)) {
            return new Launch(
                    Launch.Kind.TORCHRUN,
                    rank,
                    size,
                    rank,
                    Optional.of(new Launch.Address("localhost", free.getLocalPort())));
        }
    }
}
