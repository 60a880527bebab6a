package io.github.maskalign.core.distributed.internal;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import io.github.maskalign.core.distributed.Launch;
import io.github.maskalign.core.engine.internal.TensorAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ranks with a GPU each, which exchange arrays by NCCL without a copy to the host.
 *
 * <p>Work goes to a stream of its own. A sum waits there, on the device, for what the engine's stream was given before it;
 * whoever asked for it waits on the host until it is done, so what the engine is given afterwards finds the result. A sum
 * that {@link #prepareSums} has prepared is waited for by the thread that makes it, and the engine computes meanwhile.
 * Bytes travel by MPI where there is MPI, and else through a little memory of the device that is not the engine's: they
 * never wait for the engine.
 *
 * <p>While a call waits, NCCL is asked each second whether something has gone wrong ({@code ncclCommGetAsyncError}).
 *
 * <p>The calls and their order are tested against a library that stands in for NCCL. No test has run on GPUs yet.
 */
public final class NcclCommunicator implements Communicator {
    private static final Logger LOG = LoggerFactory.getLogger(NcclCommunicator.class);

    /** Exit code when another rank was waited for in vain. */
    private static final int OVERDUE = 1;

    /** More than the word of an agreement and its longest message. */
    private static final int BYTES_AT_ONCE = 8192;

    private final Launch launch;
    private final NcclLibrary nccl;
    private final Optional<MpiCommunicator> mpi;
    private final IntConsumer exit;
    private final NDManager manager;
    private final TensorAddress addresses;
    private final Watchdog watchdog;
    private final Pointer group;
    private final String version;
    private final int number;
    private final Pointer stream;
    private final Pointer ready;
    private final Pointer bytes;
    private boolean closed;

    /**
     * Joins the group.
     *
     * @param launch which rank this is
     * @param nccl the library
     * @param device where the arrays are
     * @param mpi carries the id, and ends the ranks, if they were started by {@code mpirun}
     * @param patience how long one call may wait for the other ranks
     * @param exit ends this process with a code
     */
    public NcclCommunicator(
            Launch launch,
            NcclLibrary nccl,
            Device device,
            @Nullable MpiCommunicator mpi,
            Duration patience,
            IntConsumer exit) {
        this.launch = launch;
        this.nccl = nccl;
        this.mpi = Optional.ofNullable(mpi);
        this.exit = exit;
        manager = NDManager.newBaseManager(device);
        number = device.getDeviceId() < 0 ? 0 : device.getDeviceId();
        watchdog = new Watchdog(patience, this::overdue);
        try {
            addresses = TensorAddress.open(manager);
            nccl.setDevice(number);
            if (mpi != null) { // without MPI the ranks cannot talk yet, and NCCL finds it out
                GpuPlace.requireDistinct(mpi.allGather(GpuPlace.of(nccl.address(number))));
            }
            byte[] id = exchange(patience);
            version = nccl.version();
            stream = nccl.stream();
            ready = nccl.event();
            bytes = nccl.allocate((long) BYTES_AT_ONCE * (launch.size() + 1));
            group = watchdog.watch("ncclCommInitRank", () -> nccl.join(launch.size(), id, launch.rank()));
            watchdog.ask(() -> nccl.error(group));
        } catch (RuntimeException e) {
            watchdog.close();
            manager.close();
            throw e;
        }
    }

    @Override
    public int rank() {
        return launch.rank();
    }

    @Override
    public int size() {
        return launch.size();
    }

    @Override
    public int localRank() {
        return launch.localRank();
    }

    @Override
    public String description() {
        return version;
    }

    @Override
    public void allReduceSum(NDArray array) {
        prepareSums(new NDList(array)).run();
    }

    @Override
    public Runnable prepareSums(NDList arrays) {
        List<Sum> sums = new ArrayList<>();
        for (NDArray array : arrays) {
            NcclLibrary.Type type = NcclLibrary.Type.of(SummedType.of(array.getDataType()));
            if (array.size() > 0) {
                sums.add(new Sum(address(array), array.size(), type));
            }
        }
        if (sums.isEmpty()) {
            return () -> {};
        }
        nccl.setDevice(number); // each thread has a device of its own
        Pointer computed = nccl.event();
        nccl.mark(computed);
        return () -> {
            onStream("ncclAllReduce", computed, () -> {
                nccl.beginBatch();
                try {
                    sums.forEach(sum -> nccl.sum(sum.elements, sum.count, sum.type, group, stream));
                } finally {
                    nccl.endBatch();
                }
            });
            nccl.destroyEvent(computed);
        };
    }

    /** One array of a batch. */
    private record Sum(Pointer elements, long count, NcclLibrary.Type type) {}

    @Override
    public boolean sumsAside() {
        return true;
    }

    @Override
    public void broadcast(NDArray array, int root) {
        if (root < 0 || root >= size()) {
            throw new IllegalArgumentException("root must be in [0, " + size() + ") but was " + root);
        }
        if (array.size() == 0) {
            return;
        }
        long length = array.size() * array.getDataType().getNumOfBytes();
        Pointer elements = address(array);
        nccl.setDevice(number);
        nccl.mark(ready);
        onStream("ncclBroadcast", ready, () -> nccl.broadcast(elements, length, root, group, stream));
    }

    @Override
    public byte[][] allGather(byte[] mine) {
        if (mpi.isPresent()) {
            return mpi.get().allGather(mine);
        }
        byte[][] all = new byte[size()][mine.length];
        try (Memory host = new Memory((long) BYTES_AT_ONCE * size())) {
            for (int first = 0; first < mine.length; first += BYTES_AT_ONCE) {
                int count = Math.min(BYTES_AT_ONCE, mine.length - first);
                host.write(0, mine, first, count);
                gather(host, count);
                for (int rank = 0; rank < all.length; rank++) {
                    host.read((long) rank * count, all[rank], first, count);
                }
            }
        }
        return all;
    }

    /** Replaces this rank's bytes by those of all ranks. */
    private void gather(Pointer host, int count) {
        Pointer from = bytes.share((long) BYTES_AT_ONCE * size());
        onStream("ncclAllGather", null, () -> {
            nccl.toDevice(from, host, count, stream);
            nccl.gather(from, bytes, count, group, stream);
            nccl.toHost(host, bytes, (long) count * size(), stream);
        });
    }

    @Override
    public void abort(int exitCode) {
        LOG.error("rank {} ends; the launcher ends the other ranks of {}", rank(), size());
        mpi.ifPresent(ranks -> ranks.abort(exitCode));
        exit.accept(exitCode); // torchrun and srun end the others when one ends like this
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        try {
            watchdog.watch("ncclCommDestroy", () -> {
                nccl.setDevice(number);
                nccl.free(bytes);
                nccl.destroyEvent(ready);
                nccl.destroyStream(stream);
                watchdog.ask(Optional::empty);
                nccl.leave(group);
                return group;
            });
        } finally {
            watchdog.close();
            manager.close();
            mpi.ifPresent(MpiCommunicator::close);
        }
    }

    private byte[] exchange(Duration patience) {
        boolean root = launch.rank() == 0;
        byte[] own = root ? nccl.uniqueId() : new byte[NcclLibrary.ID_BYTES];
        if (mpi.isPresent()) {
            return mpi.get().allGather(own)[0];
        }
        IdExchange exchange = new IdExchange(
                launch.master()
                        .orElseThrow(() -> new CommunicationException(launch.kind()
                                        .command() + " does not say where rank 0 is; set MASTER_ADDR and MASTER_PORT")),
                launch.size(),
                patience);
        if (root) {
            exchange.give(own);
            return own;
        }
        return exchange.take(launch.rank(), NcclLibrary.ID_BYTES);
    }

    private Pointer address(NDArray array) {
        if (!array.getDevice().equals(manager.getDevice())) {
            throw new IllegalArgumentException(
                    "an array on " + array.getDevice() + " cannot travel between ranks on " + manager.getDevice());
        }
        return addresses.of(array);
    }

    /** Gives work to the stream, behind a mark if there is one, and waits until it is done. */
    private void onStream(String what, @Nullable Pointer mark, Runnable work) {
        watchdog.watch(what, () -> {
            nccl.setDevice(number);
            if (mark != null) {
                nccl.waitFor(stream, mark);
            }
            work.run();
            nccl.synchronise(stream);
            return what;
        });
    }

    private void overdue(String what) {
        LOG.error(
                "rank {} of {}: {}; another rank is gone or stuck. All ranks are ended; the last checkpoint is intact",
                rank(),
                size(),
                what);
        abort(OVERDUE);
    }
}
