package io.github.maskalign.core.distributed.internal;

import ai.djl.ndarray.NDArray;
import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.PointerByReference;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import io.github.maskalign.core.distributed.Launch;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ranks that Open MPI's {@code mpirun} started.
 *
 * <p>Arrays on the CPU are summed where they are, without a copy; those on a GPU are copied to the host and back. A
 * call that waits for other ranks longer than the given patience is logged and ends all of them. MPI can be started
 * once in a process. Open MPI has to allow calls from several threads one after the other ({@code
 * MPI_THREAD_SERIALIZED}), as the sums that overlap the backward pass are made by a thread of their own.
 */
public final class MpiCommunicator implements Communicator {
    private static final Logger LOG = LoggerFactory.getLogger(MpiCommunicator.class);

    /** Exit code of all ranks when one of them was waited for in vain. */
    private static final int OVERDUE = 1;

    /** How long a word is waited for busily, and the pause between two looks afterwards. */
    private static final long BUSY_NANOS = 100_000;

    private static final long PAUSE_NANOS = 100_000;

    private final MpiLibrary mpi;
    private final int rank;
    private final int size;
    private final int localRank;
    private final String version;
    private final Watchdog watchdog;
    private boolean closed;

    private MpiCommunicator(MpiLibrary mpi, int localRank, Duration patience) {
        this.mpi = mpi;
        this.localRank = localRank;
        rank = mpi.number("MPI_Comm_rank");
        size = mpi.number("MPI_Comm_size");
        version = mpi.version();
        watchdog = new Watchdog(patience, this::overdue);
    }

    /**
     * Starts MPI in this process.
     *
     * @param launch what the launcher said; MPI has to agree
     * @param patience how long one call may wait for the other ranks before all of them are ended
     * @throws CommunicationException if Open MPI is missing, was started in this process before, or sees other ranks
     */
    public static MpiCommunicator start(Launch launch, Duration patience) {
        MpiLibrary mpi = MpiLibrary.load();
        if (mpi.isInitialised() || mpi.isFinalised()) {
            throw new CommunicationException("MPI can be started once in a process, and it was started before");
        }
        int threads = mpi.initialise();
        if (threads < MpiLibrary.THREAD_SERIALIZED) {
            throw new CommunicationException("this Open MPI grants calls from the first thread alone (level " + threads
                    + "), which is not Java's main thread; use one that is built with threads");
        }
        MpiCommunicator started = new MpiCommunicator(mpi, launch.localRank(), patience);
        if (started.rank != launch.rank() || started.size != launch.size()) {
            throw new CommunicationException("the launcher says rank " + launch.rank() + " of " + launch.size()
                    + " but Open MPI says rank " + started.rank + " of " + started.size
                    + "; start with the mpirun of the same Open MPI (" + started.version + ")");
        }
        return started;
    }

    @Override
    public int rank() {
        return rank;
    }

    @Override
    public int size() {
        return size;
    }

    @Override
    public int localRank() {
        return localRank;
    }

    @Override
    public String description() {
        return version;
    }

    @Override
    public void allReduceSum(NDArray array) {
        Pointer type = mpi.handle(sumType(array));
        Pointer sum = mpi.handle("ompi_mpi_op_sum");
        int count = Math.toIntExact(array.size());
        HostMemory.lend(
                array, elements -> call("MPI_Allreduce", MpiLibrary.IN_PLACE, elements, count, type, sum, mpi.world()));
    }

    @Override
    public void broadcast(NDArray array, int root) {
        if (root < 0 || root >= size) {
            throw new IllegalArgumentException("root must be in [0, " + size + ") but was " + root);
        }
        Pointer type = mpi.handle("ompi_mpi_byte");
        long bytes = array.size() * array.getDataType().getNumOfBytes();
        HostMemory.lend(
                array, elements -> call("MPI_Bcast", elements, Math.toIntExact(bytes), type, root, mpi.world()));
    }

    @Override
    public byte[][] allGather(byte[] mine) {
        byte[][] all = new byte[size][mine.length];
        if (mine.length == 0) {
            return all;
        }
        Pointer type = mpi.handle("ompi_mpi_byte");
        try (Memory from = new Memory(mine.length);
                Memory to = new Memory((long) mine.length * size)) {
            from.write(0, mine, 0, mine.length);
            watchdog.watch("MPI_Iallgather", () -> {
                PointerByReference request = new PointerByReference();
                mpi.call("MPI_Iallgather", from, mine.length, type, to, mine.length, type, mpi.world(), request);
                await(request);
                return request;
            });
            for (int i = 0; i < size; i++) {
                to.read((long) i * mine.length, all[i], 0, mine.length);
            }
        }
        return all;
    }

    @Override
    public void barrier() {
        call("MPI_Barrier", mpi.world());
    }

    @Override
    public void abort(int exitCode) {
        LOG.error("rank {} ends all {} ranks", rank, size);
        mpi.call("MPI_Abort", mpi.world(), exitCode);
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        call("MPI_Finalize");
        watchdog.close();
    }

    /**
     * Waits without keeping a core busy: a rank that has its word ready may wait for most of a step, and its engine
     * computes on that core meanwhile.
     */
    private void await(PointerByReference request) {
        IntByReference done = new IntByReference();
        long start = System.nanoTime();
        while (true) {
            mpi.call("MPI_Test", request, done, Pointer.NULL);
            if (done.getValue() != 0) {
                return;
            }
            if (System.nanoTime() - start > BUSY_NANOS) {
                LockSupport.parkNanos(PAUSE_NANOS);
            } else {
                Thread.onSpinWait();
            }
        }
    }

    private void call(String function, Object... arguments) {
        watchdog.watch(function, () -> {
            mpi.call(function, arguments);
            return function;
        });
    }

    private void overdue(String what) {
        LOG.error(
                "rank {} of {}: {}; another rank is gone or stuck. All ranks are ended; the last checkpoint is intact",
                rank,
                size,
                what);
        abort(OVERDUE);
    }

    private static String sumType(NDArray array) {
        return switch (SummedType.of(array.getDataType())) {
            case FLOAT32 -> "ompi_mpi_float";
            case FLOAT64 -> "ompi_mpi_double";
            case INT64 -> "ompi_mpi_int64_t";
        };
    }
}
