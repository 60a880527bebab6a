package io.github.maskalign.examples.natives;

import com.sun.jna.NativeLibrary;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * CUDA's runtime library. DJL asks JNA for {@code cudart}, which finds {@code libcudart.so} and {@code libcudart.so.12}
 * but not {@code libcudart-9335f6a2.so.12}, as the one beside libtorch is called.
 */
final class CudaRuntime {
    /** The library of the driver, which every CUDA build of libtorch is linked against. */
    static final String DRIVER = "libcuda.so.1";

    private static final String NAME = "libcudart.so";
    private static final Pattern BUNDLED = Pattern.compile("libcudart(-[0-9a-f]+)?\\.so(\\.\\d+)*");

    private CudaRuntime() {}

    /** Returns the runtime library among the unpacked ones. */
    static Optional<Path> in(Path natives) throws IOException {
        try (Stream<Path> files = Files.list(natives)) {
            return files.filter(file ->
                            BUNDLED.matcher(file.getFileName().toString()).matches())
                    .sorted()
                    .findFirst();
        }
    }

    /** Makes a library known under the name that JNA looks for; returns the folder to look in. */
    static Path link(Path library, Path folder) throws IOException {
        EngineCache.createFolders(folder);
        EngineCache.requirePrivate(folder);
        Path link = folder.resolve(NAME);
        if (Files.isSymbolicLink(link) && Files.readSymbolicLink(link).equals(library)) {
            return folder;
        }
        Path temporary =
                folder.resolve("." + NAME + "-" + ProcessHandle.current().pid());
        Files.deleteIfExists(temporary);
        Files.createSymbolicLink(temporary, library);
        Files.move(temporary, link, StandardCopyOption.ATOMIC_MOVE);
        return folder;
    }

    /** Returns JNA's search path with a folder behind what is on it. */
    static String searchPath(@Nullable String before, Path folder) {
        return before == null || before.isEmpty() ? folder.toString() : before + File.pathSeparator + folder;
    }

    /** Tells whether the system finds a library. */
    static boolean isThere(String library) {
        try (NativeLibrary found = NativeLibrary.getInstance(library)) {
            return true;
        } catch (UnsatisfiedLinkError e) {
            return false;
        }
    }
}
