package io.github.maskalign.core.distributed;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import io.github.maskalign.core.distributed.internal.MpiCommunicator;
import io.github.maskalign.core.distributed.internal.NcclCommunicator;
import io.github.maskalign.core.distributed.internal.NcclLibrary;
import java.time.Duration;
import java.util.function.IntConsumer;

/** Opens the communicator that fits how the process was started and where its arrays are. */
public final class Communicators {
    private Communicators() {}

    /**
     * Opens a communicator; all ranks have to call this.
     *
     * <ul>
     *   <li>one process: {@link LocalCommunicator};
     *   <li>several, arrays on the CPU: {@link MpiCommunicator}, which needs {@code mpirun};
     *   <li>several, arrays on GPUs: {@link NcclCommunicator}; NCCL's id travels by MPI under {@code mpirun}, and else
     *       over one TCP connection to the address that the launcher names.
     * </ul>
     *
     * @param launch how this process was started
     * @param device where the arrays are
     * @param patience how long one call may wait for the other ranks before all are ended; longer than the longest
     *     thing that rank 0 does alone, such as saving
     * @param exit ends this process with a code; used when another rank is gone
     * @throws CommunicationException if the libraries are missing or the ranks do not find each other
     */
    public static Communicator open(Launch launch, Device device, Duration patience, IntConsumer exit) {
        if (!launch.isDistributed()) {
            return new LocalCommunicator();
        }
        boolean mpi = launch.kind() == Launch.Kind.MPI;
        if (!device.isGpu() && !mpi) {
            throw new CommunicationException("ranks on CPUs exchange arrays by Open MPI, but these "
                    + launch.size() + " were started by " + launch.kind().command()
                    + "; start them with mpirun, or with srun --mpi=pmix");
        }
        MpiCommunicator ranks = mpi ? MpiCommunicator.start(launch, patience) : null;
        if (!device.isGpu() && ranks != null) {
            return ranks;
        }
        return new NcclCommunicator(launch, NcclLibrary.load(), device, ranks, patience, exit);
    }

    /** A group of one process: every sum is what it was, and nothing is waited for. */
    public static final class LocalCommunicator implements Communicator {
        @Override
        public int rank() {
            return 0;
        }

        @Override
        public int size() {
            return 1;
        }

        @Override
        public int localRank() {
            return 0;
        }

        @Override
        public String description() {
            return "one process";
        }

        @Override
        public void allReduceSum(NDArray array) {
            // the sum over one rank
        }

        @Override
        public void broadcast(NDArray array, int root) {
            if (root != 0) {
                throw new IllegalArgumentException("root must be in [0, 1) but was " + root);
            }
        }

        @Override
        public byte[][] allGather(byte[] mine) {
            return new byte[][] {mine.clone()};
        }

        /** {@inheritDoc} A single process has nobody to take along: this throws. */
        @Override
        public void abort(int exitCode) {
            throw new IllegalStateException("a run of one process ends by its own exception, not by abort");
        }

        @Override
        public void close() {
            // owns nothing
        }
    }
}
