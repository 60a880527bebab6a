package io.github.maskalign.core.distributed.internal;

import com.sun.jna.Function;
import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * The functions of Open MPI's C interface that are needed, and the handles it exports as variables.
 *
 * <p>MPICH and its relatives have other handles; they are refused.
 */
public final class MpiLibrary {
    /** Open MPI 3 to 5 under their run-time name, then the name that developers' packages add. */
    static final List<String> NAMES = List.of("libmpi.so.40", "libmpi.so", "libmpi.40.dylib", "libmpi.dylib");

    /** {@code MPI_IN_PLACE}: the result replaces the input. */
    static final Pointer IN_PLACE = new Pointer(1);

    static final int THREAD_SERIALIZED = 2;
    static final int THREAD_MULTIPLE = 3;

    /** RTLD_NOW | RTLD_GLOBAL: Open MPI's plug-ins look for its symbols among the global ones. */
    private static final Map<String, Object> GLOBAL = Map.of(Library.OPTION_OPEN_FLAGS, 0x102);

    private static final int SUCCESS = 0;
    private static final int TEXT = 256;

    private final NativeLibrary library;
    private final Pointer world;

    private MpiLibrary(NativeLibrary library) {
        this.library = library;
        world = library.getGlobalVariableAddress("ompi_mpi_comm_world");
    }

    /**
     * Loads the library.
     *
     * @throws CommunicationException if there is none, or it is not Open MPI
     */
    public static MpiLibrary load() {
        return load(NAMES);
    }

    public static MpiLibrary load(List<String> names) {
        leaveSignalsToJava();
        StringBuilder tried = new StringBuilder();
        for (String name : names) {
            NativeLibrary library;
            try {
                library = LastingLibrary.open(name, GLOBAL);
            } catch (UnsatisfiedLinkError e) {
                tried.append("\n  ").append(name).append(": ").append(firstLine(e));
                continue;
            }
            try {
                return new MpiLibrary(library);
            } catch (UnsatisfiedLinkError e) {
                throw new CommunicationException(
                        name + " is an MPI library but not Open MPI's (it lacks ompi_mpi_comm_world); install Open MPI"
                                + " and start with its mpirun",
                        e);
            }
        }
        throw new CommunicationException(
                "Open MPI's library cannot be loaded; install it (Debian and Ubuntu: openmpi-bin) or add its folder to"
                        + " LD_LIBRARY_PATH. Tried:" + tried);
    }

    /**
     * Keeps UCX, which Open MPI loads for its transports, from taking SIGSEGV for itself: the JVM stops its threads by that
     * signal and answers it, and UCX would end the process. UCX reads the variable when it is loaded; a setting of the
     * user's stays. See "UCX_ERROR_SIGNALS" in UCX's FAQ.
     */
    private static void leaveSignalsToJava() {
        try {
            NativeLibrary.getProcess().getFunction("setenv").invokeInt(new Object[] {"UCX_ERROR_SIGNALS", "", 0});
        } catch (UnsatisfiedLinkError e) {
            // not Unix: no UCX either
        }
    }

    Pointer world() {
        return world;
    }

    /** Returns a handle that the library exports, such as {@code ompi_mpi_float}. */
    Pointer handle(String name) {
        return library.getGlobalVariableAddress(name);
    }

    /** Starts MPI, and returns which use of threads it grants. */
    int initialise() {
        IntByReference granted = new IntByReference();
        call("MPI_Init_thread", Pointer.NULL, Pointer.NULL, THREAD_MULTIPLE, granted);
        // by default an error ends the process; returned ones become exceptions
        call("MPI_Comm_set_errhandler", world, handle("ompi_mpi_errors_return"));
        return granted.getValue();
    }

    boolean isInitialised() {
        return flag("MPI_Initialized");
    }

    boolean isFinalised() {
        return flag("MPI_Finalized");
    }

    int number(String function) {
        IntByReference value = new IntByReference();
        call(function, world, value);
        return value.getValue();
    }

    /** Returns the first words of the library's description, such as {@code "Open MPI v4.1.4"}. */
    String version() {
        try (Memory text = new Memory(TEXT)) {
            text.clear();
            call("MPI_Get_library_version", text, new IntByReference());
            return text.getString(0, StandardCharsets.UTF_8.name())
                    .split(",", 2)[0]
                    .trim();
        }
    }

    /**
     * Calls a function that returns an error code.
     *
     * @throws CommunicationException if it is not MPI_SUCCESS
     */
    void call(String function, Object... arguments) {
        int code = function(function).invokeInt(arguments);
        if (code != SUCCESS) {
            throw new CommunicationException(function + " failed: " + describe(code));
        }
    }

    private Function function(String name) {
        try {
            return library.getFunction(name);
        } catch (UnsatisfiedLinkError e) {
            throw new CommunicationException(library.getName() + " has no function " + name, e);
        }
    }

    private boolean flag(String function) {
        IntByReference value = new IntByReference();
        call(function, value);
        return value.getValue() != 0;
    }

    private String describe(int code) {
        try (Memory text = new Memory(TEXT)) {
            text.clear();
            int second = function("MPI_Error_string").invokeInt(new Object[] {code, text, new IntByReference()});
            return second == SUCCESS ? text.getString(0, StandardCharsets.UTF_8.name()) : "error " + code;
        }
    }

    private static String firstLine(Throwable error) {
        String message = String.valueOf(error.getMessage());
        return message.lines().findFirst().orElse(message);
    }
}
