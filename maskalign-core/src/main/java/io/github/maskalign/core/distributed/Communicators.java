package io.github.maskalign.core.distributed;

import ai.djl.Device;
import io.github.maskalign.core.distributed.internal.MpiCommunicator;
import io.github.maskalign.core.distributed.internal.NcclCommunicator;
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
}
