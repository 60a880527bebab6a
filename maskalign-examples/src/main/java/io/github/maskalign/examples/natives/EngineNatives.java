package io.github.maskalign.examples.natives;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Makes the engine's native libraries ready: to be called before the first class of DJL is loaded.
 *
 * <p>DJL takes a CUDA build of libtorch from the class path only if it finds a GPU by the system's own CUDA, and else
 * tries to download another. Told where the unpacked libraries are, it takes them on every machine that has a driver,
 * with the CUDA runtime that lies beside them.
 */
public final class EngineNatives {
    private static final String PATH = "PYTORCH_LIBRARY_PATH";

    /** The value that {@link #prepare} has given the property. */
    private static @Nullable String prepared;

    private EngineNatives() {}

    /** Returns where the user, not {@link #prepare}, says that libtorch is. */
    public static synchronized Optional<String> named() {
        String value = setting(PATH);
        boolean ours = System.getenv(PATH) == null && value != null && value.equals(prepared);
        return ours || value == null || value.isEmpty() ? Optional.empty() : Optional.of(value);
    }

    /**
     * Unpacks and checks the libraries on the class path, and sets the properties by which DJL and JNA find them. Does
     * nothing but to make their CUDA runtime known where the user has named other libraries, and nothing where the class path has none or several for this system.
     *
     * @throws NativesException if they are damaged, others can write them, or the driver that they need is missing
     * @throws IOException if they cannot be unpacked
     */
    public static synchronized void prepare() throws IOException {
        String named = System.getenv(PATH); // the property is set below: this may be called again
        if (named != null) {
            linkRuntimeOf(Path.of(named));
            return;
        }
        if (setting(PATH) != null || isSet("PYTORCH_VERSION") || isSet("PYTORCH_FLAVOR")) {
            return;
        }
        Path home = Path.of(System.getProperty("user.home"));
        EngineCache cache =
                EngineCache.choose(EngineNatives::setting, home, Path.of(System.getProperty("java.io.tmpdir")));
        cache.requirePrivate();
        if (cache.isOwn()) {
            System.setProperty("DJL_CACHE_DIR", cache.folder().toString());
        }
        Optional<NativeJar> jar = NativeJar.find(EngineNatives.class.getClassLoader());
        if (jar.isPresent()) {
            prepare(cache.folder(), jar.get(), CudaRuntime.isThere(CudaRuntime.DRIVER));
        }
    }

    static synchronized void prepare(Path cache, NativeJar jar, boolean driver) throws IOException {
        if (jar.isCuda() && !driver) { // before gigabytes are unpacked
            throw new NativesException(
                    "libtorch is built for " + jar.flavour() + " and cannot be loaded without the NVIDIA driver: "
                            + CudaRuntime.DRIVER + " is missing",
                    "start on a machine with a driver, give the GPUs to the container (--gpus all, --nv), or build"
                            + " with MASKALIGN_PROFILE=cpu");
        }
        NativeFolder natives = new NativeFolder(cache, jar);
        natives.makeReady();
        if (jar.isCuda()) {
            Optional<Path> runtime = CudaRuntime.in(natives.path());
            if (runtime.isPresent()) {
                search(linked(runtime.get(), natives.path()));
            }
        }
        prepared = natives.path().toString();
        System.setProperty(PATH, prepared);
        System.setProperty("PYTORCH_FLAVOR", jar.flavour());
    }

    /** Libraries that the user has named stay as they are; a CUDA runtime among them is found from a folder elsewhere. */
    static void linkRuntimeOf(Path named) throws IOException {
        Optional<Path> runtime = Files.isDirectory(named) ? CudaRuntime.in(named.toAbsolutePath()) : Optional.empty();
        if (runtime.isPresent()) {
            search(linkedElsewhere(runtime.get()));
        }
    }

    private static void search(Path folder) {
        System.setProperty("jna.library.path", CudaRuntime.searchPath(System.getProperty("jna.library.path"), folder));
    }

    /** DJL loads all libraries below the folder of the natives, so the link is beside it. */
    private static Path linked(Path runtime, Path natives) throws IOException {
        Path beside = natives.resolveSibling(natives.getFileName() + "-cudart");
        if (Files.isWritable(natives.toAbsolutePath().getParent()) || Files.isDirectory(beside)) {
            return CudaRuntime.link(runtime, beside);
        }
        return linkedElsewhere(runtime); // an administrator's folder
    }

    private static Path linkedElsewhere(Path runtime) throws IOException {
        Path own = Files.createTempDirectory("maskalign-cudart");
        Path folder = CudaRuntime.link(runtime, own);
        own.toFile().deleteOnExit();
        folder.resolve("libcudart.so").toFile().deleteOnExit(); // deleted in reverse order
        return folder;
    }

    private static boolean isSet(String name) {
        String value = setting(name);
        return value != null && !value.isEmpty();
    }

    /** Returns a setting as DJL reads it: a variable of the environment, or else a property. */
    private static @Nullable String setting(String name) {
        String variable = System.getenv(name);
        return variable == null ? System.getProperty(name) : variable;
    }

    /** The engine's native libraries cannot be used; the message says why and what to do. */
    public static final class NativesException extends IOException {
        private final String problem;
        private final String remedy;

        NativesException(String problem, String remedy) {
            super(problem + "; " + remedy);
            this.problem = problem;
            this.remedy = remedy;
        }

        /** Returns what is wrong, without what to do about it. */
        public String problem() {
            return problem;
        }

        /** Returns what to do. */
        public String remedy() {
            return remedy;
        }
    }
}
