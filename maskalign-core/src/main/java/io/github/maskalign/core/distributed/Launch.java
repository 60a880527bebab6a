package io.github.maskalign.core.distributed;

import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How this process was started, and which of how many it is.
 *
 * @param kind what started it
 * @param rank which process of the run, in [0, size)
 * @param size number of processes, at least 1
 * @param localRank which process on this machine, in [0, size)
 * @param master where rank 0 can be reached to hand out an id, {@code host:port}; absent if the launcher does not say
 */
public record Launch(Kind kind, int rank, int size, int localRank, Optional<Address> master) {
    /** What started the processes. */
    public enum Kind {
        /** Nothing: one process. */
        SINGLE("one process"),
        /** {@code mpirun} of Open MPI, or {@code srun --mpi=pmix}. */
        MPI("mpirun"),
        /** {@code torchrun}, or whatever sets the same variables. */
        TORCHRUN("torchrun"),
        /** {@code srun} of Slurm without MPI. */
        SLURM("srun");

        private final String command;

        Kind(String command) {
            this.command = command;
        }

        /** Returns the command a user knows it by. */
        public String command() {
            return command;
        }
    }

    /**
     * Host and port.
     *
     * @param host name or number
     * @param port in [1, 65535]
     */
    public record Address(String host, int port) {
        public Address {
            if (host.isBlank()) {
                throw new IllegalArgumentException("the host of rank 0 must not be empty");
            }
            if (port < 1 || port > 65535) {
                throw new IllegalArgumentException("a port must be in [1, 65535] but was " + port);
            }
        }
    }

    /** A process on its own. */
    public static final Launch SINGLE = new Launch(Kind.SINGLE, 0, 1, 0, Optional.empty());

    /** First of the ports that Slurm jobs without {@code MASTER_PORT} use; the job's number is added. */
    private static final int SLURM_PORT = 20_000;

    private static final int SLURM_PORTS = 10_000;

    public Launch {
        if (size < 1) {
            throw new IllegalArgumentException("the number of processes must be at least 1 but was " + size);
        }
        requireIn("rank", rank, size);
        requireIn("local rank", localRank, size);
    }

    /** Tells whether other processes belong to the run. */
    public boolean isDistributed() {
        return size > 1;
    }

    /**
     * Reads what launchers leave in the environment. The most specific launcher wins: Open MPI's variables, then
     * Slurm's with PMIx, then torchrun's, then Slurm's own. A Slurm allocation without {@code srun} is one process.
     *
     * @param environment the environment variables of the process
     * @throws IllegalArgumentException if variables of one launcher are incomplete or contradict each other
     */
    public static Launch detect(Map<String, String> environment) {
        Variables variables = new Variables(environment);
        if (variables.has("OMPI_COMM_WORLD_SIZE")) {
            return variables.launch(
                    Kind.MPI, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK");
        }
        if (variables.has("PMIX_RANK") && variables.has("SLURM_NTASKS")) {
            return variables.launch(Kind.MPI, "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID");
        }
        if (variables.has("WORLD_SIZE")) {
            return variables.launch(Kind.TORCHRUN, "RANK", "WORLD_SIZE", "LOCAL_RANK");
        }
        if (variables.has("SLURM_STEP_ID") && variables.has("SLURM_PROCID")) {
            return variables.launch(Kind.SLURM, "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID");
        }
        return SINGLE;
    }

    private static void requireIn(String what, int value, int size) {
        if (value < 0 || value >= size) {
            throw new IllegalArgumentException(what + " must be in [0, " + size + ") but was " + value);
        }
    }

    /** The environment of one process. */
    private record Variables(Map<String, String> all) {
        boolean has(String name) {
            return text(name) != null;
        }

        @Nullable
        String text(String name) {
            String value = all.get(name);
            return value == null || value.isBlank() ? null : value.trim();
        }

        Launch launch(Kind kind, String rank, String size, String localRank) {
            int count = number(kind, size);
            int which = number(kind, rank);
            int local = has(localRank) ? number(kind, localRank) : 0;
            Optional<Address> master = kind == Kind.MPI ? Optional.empty() : master(kind);
            try {
                return new Launch(kind, which, count, local, master);
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(
                        "the variables " + rank + ", " + size + " and " + localRank + " that " + kind.command()
                                + " sets contradict each other: " + e.getMessage(),
                        e);
            }
        }

        private Optional<Address> master(Kind kind) {
            String host = text("MASTER_ADDR");
            if (host == null && kind == Kind.SLURM) {
                host = text("SLURM_LAUNCH_NODE_IPADDR");
            }
            if (host == null) {
                return Optional.empty();
            }
            if (has("MASTER_PORT")) {
                int port = number(kind, "MASTER_PORT");
                return Optional.of(new Address(host, port));
            }
            return kind == Kind.SLURM && has("SLURM_JOB_ID")
                    ? Optional.of(new Address(host, SLURM_PORT + number(kind, "SLURM_JOB_ID") % SLURM_PORTS))
                    : Optional.empty();
        }

        private int number(Kind kind, String name) {
            String value = text(name);
            if (value == null) {
                throw new IllegalArgumentException(
                        "the variable " + name + " that " + kind.command() + " sets is missing");
            }
            try {
                return Integer.parseInt(value);
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException(
                        "the variable " + name + " must be a whole number but was '" + value + "'", e);
            }
        }
    }
}
