package io.github.maskalign.core.engine.internal;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/** The native libraries of this process. */
public final class LoadedLibraries {
    private static final Path MAPS = Path.of("/proc/self/maps");

    private LoadedLibraries() {}

    /**
     * Returns the file of a library that is loaded, so that a second way to it reaches the same one.
     *
     * @param prefix how its file name begins, such as {@code "libtorch_cpu.so"}
     * @return the first that fits; empty if none is loaded, or the system does not tell (it is not Linux)
     */
    public static Optional<Path> find(String prefix) {
        try (Stream<String> lines = Files.lines(MAPS, StandardCharsets.ISO_8859_1)) {
            return find(prefix, lines);
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** Reads the lines {@code address permissions offset device inode path}. */
    static Optional<Path> find(String prefix, Stream<String> maps) {
        return maps.map(line -> line.split("\\s+", 6))
                .filter(words -> words.length == 6 && words[5].startsWith("/"))
                .map(words -> Path.of(words[5]))
                .filter(path -> String.valueOf(path.getFileName()).startsWith(prefix))
                .findFirst();
    }
}
