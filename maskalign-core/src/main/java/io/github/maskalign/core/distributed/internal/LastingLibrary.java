package io.github.maskalign.core.distributed.internal;

import com.sun.jna.NativeLibrary;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Opens libraries that stay loaded until the process ends.
 *
 * <p>JNA keeps its libraries by weak references, and unloads one some time after the last use. Open MPI must not go: it
 * puts jumps into its own code at the start of the C library's {@code mmap}, {@code munmap} and {@code madvise} (its
 * "memory patcher"), and these remain after {@code MPI_Finalize}. Any thread of the JVM that asks for memory then would
 * run where nothing is mapped.
 */
final class LastingLibrary {
    private static final Set<NativeLibrary> KEPT = ConcurrentHashMap.newKeySet();

    private LastingLibrary() {}

    /**
     * Opens a library for good.
     *
     * @param options JNA's options
     * @throws UnsatisfiedLinkError if it cannot be loaded
     */
    static NativeLibrary open(String name, Map<String, ?> options) {
        NativeLibrary library = NativeLibrary.getInstance(name, options);
        KEPT.add(library);
        return library;
    }
}
