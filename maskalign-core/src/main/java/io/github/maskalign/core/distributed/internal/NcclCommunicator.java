package io.github.maskalign.core.distributed.internal;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.sun.jna.Pointer;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import io.github.maskalign.core.distributed.Launch;
import io.github.maskalign.core.engine.internal.TensorAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ranks with a GPU each, which exchange arrays by NCCL without a copy to the host.
 *
 * <p>Work goes to CUDA's default stream, where the engine's own work is, so both keep their order. Each call waits until
 * the device has done it: that costs some microseconds a bucket, and a rank that is gone is noticed.
 *
 * <p>The calls and their order are tested against a library that stands in for NCCL. No test has run on GPUs yet.
 */
public final class NcclCommunicator implements Communicator {
    private static final Logger LOG = LoggerFactory.getLogger(NcclCommunicator.class);

    /** Exit code when another rank was waited for in vain. */
    private static final int OVERDUE = 1;

    private final Launch launch;
    private final NcclLibrary nccl;
    private final Optional<MpiCommunicator> mpi;
    private final IntConsumer exit;
    private final NDManager manager;
    private final TensorAddress addresses;
    private final Watchdog watchdog;
    private final Pointer group;
    private final String version;
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
        watchdog = new Watchdog(patience, this::overdue);
        try {
            addresses = TensorAddress.open(manager);
            int number = device.getDeviceId() < 0 ? 0 : device.getDeviceId();
            nccl.setDevice(number);
            if (mpi != null) { // without MPI the ranks cannot talk yet, and NCCL finds it out
                GpuPlace.requireDistinct(mpi.allGather(GpuPlace.of(nccl.address(number))));
            }
            byte[] id = exchange(patience);
            version = nccl.version();
            group = watchdog.watch("ncclCommInitRank", () -> nccl.join(launch.size(), id, launch.rank()));
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
        NcclLibrary.Type type = NcclLibrary.Type.of(SummedType.of(array.getDataType()));
        onDevice("ncclAllReduce", array, elements -> nccl.sum(elements, array.size(), type, group));
    }

    @Override
    public void broadcast(NDArray array, int root) {
        if (root < 0 || root >= size()) {
            throw new IllegalArgumentException("root must be in [0, " + size() + ") but was " + root);
        }
        long bytes = array.size() * array.getDataType().getNumOfBytes();
        onDevice("ncclBroadcast", array, elements -> nccl.broadcast(elements, bytes, root, group));
    }

    @Override
    public byte[][] allGather(byte[] mine) {
        byte[][] all = new byte[size()][mine.length];
        if (mine.length == 0) {
            return all;
        }
        try (NDManager scratch = manager.newSubManager()) {
            NDArray from = scratch.create(new Shape(mine.length), DataType.UINT8);
            from.set(ByteBuffer.allocateDirect(mine.length).put(mine).flip());
            NDArray to = scratch.create(new Shape((long) mine.length * size()), DataType.UINT8);
            Pointer target = addresses.of(to);
            onDevice("ncclAllGather", from, elements -> nccl.gather(elements, target, mine.length, group));
            ByteBuffer bytes = ByteBuffer.wrap(to.toByteArray());
            for (byte[] one : all) {
                bytes.get(one);
            }
        }
        return all;
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

    private void onDevice(String what, NDArray array, HostMemory.Use use) {
        if (array.size() == 0) {
            return;
        }
        if (!array.getDevice().equals(manager.getDevice())) {
            throw new IllegalArgumentException(
                    "an array on " + array.getDevice() + " cannot travel between ranks on " + manager.getDevice());
        }
        Pointer elements = addresses.of(array);
        watchdog.watch(what, () -> {
            use.at(elements);
            nccl.synchronise();
            return elements;
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
