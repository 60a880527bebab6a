package io.github.maskalign.examples.natives;

import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.examples.natives.EngineNatives.NativesException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The folder of the unpacked libraries, the one that DJL uses too.
 *
 * <p>Processes that unpack wait for each other. Libraries that are there are compared with the jar: size and CRC-32
 * once, then size and time of change against a stamp.
 */
final class NativeFolder {
    private static final Logger LOG = LoggerFactory.getLogger(NativeFolder.class);

    private static final String STAMP = ".maskalign-checked";
    private static final String LOCK = ".maskalign-unpack.lock";

    /** DJL unpacks into folders and files with such names, which a kill leaves behind. */
    private static final Pattern OF_DJL = Pattern.compile("tmp\\d+|jni\\d+tmp");

    /** Longer than DJL takes to unpack one library. */
    private static final Duration OLD = Duration.ofHours(1);

    private final Path parent;
    private final Path folder;
    private final NativeJar jar;

    /**
     * Names the folder.
     *
     * @param cache the engine's cache
     */
    NativeFolder(Path cache, NativeJar jar) {
        this.parent = cache.resolve("pytorch");
        this.folder = parent.resolve(jar.folderName());
        this.jar = jar;
    }

    Path path() {
        return folder;
    }

    /**
     * Unpacks what is missing, and checks what is there.
     *
     * @throws NativesException if a library is damaged, others can write it, or there is no room
     */
    void makeReady() throws IOException {
        if (!isComplete()) {
            EngineCache.createFolders(parent);
            EngineCache.requirePrivate(parent);
            try (FileChannel channel = FileChannel.open(
                            parent.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                    FileLock lock = channel.lock()) { // another process may unpack: then this one finds it done
                AtomicFile.removeLeftovers(parent);
                if (!isComplete()) {
                    unpack();
                }
            }
        }
        requirePrivate();
        check();
        removeOldLeftovers();
    }

    private boolean isComplete() {
        return jar.files().stream().allMatch(file -> Files.exists(folder.resolve(file.name())));
    }

    private void unpack() throws IOException {
        requireRoom();
        boolean whole = !Files.exists(folder.resolve(System.mapLibraryName("torch"))); // as DJL decides
        if (!whole) {
            AtomicFile.removeLeftovers(folder);
            for (NativeFile file : jar.files()) {
                if (!Files.exists(folder.resolve(file.name()))) {
                    file.unpackTo(folder);
                }
            }
            return;
        }
        LOG.info("unpacking the engine's libraries, {} MB, into {}", jar.byteSize() / 1_000_000, folder);
        String random =
                String.format(Locale.ROOT, "%016x", ThreadLocalRandom.current().nextLong());
        Path temporary = parent.resolve("." + folder.getFileName() + ".tmp-" + random); // a leftover if this is killed
        EngineCache.createFolders(temporary);
        try {
            for (NativeFile file : jar.files()) {
                file.unpackTo(temporary);
            }
            AtomicFile.write(temporary.resolve(STAMP), stamp(temporary)); // the bytes were compared on their way
            deleteTree(folder);
            Files.move(temporary, folder, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            deleteTree(temporary);
        }
    }

    private void requireRoom() throws IOException {
        long room = Files.getFileStore(parent).getUsableSpace();
        if (room < jar.byteSize()) {
            throw new NativesException(
                    "there are " + room / 1_000_000 + " MB free for the engine's libraries in " + parent
                            + ", which need " + jar.byteSize() / 1_000_000 + " MB",
                    "free some space, or set DJL_CACHE_DIR to another folder");
        }
    }

    private void requirePrivate() throws IOException {
        EngineCache.requirePrivate(parent);
        EngineCache.requirePrivate(folder);
        for (NativeFile file : jar.files()) {
            EngineCache.requirePrivate(folder.resolve(file.name()));
        }
    }

    private void check() throws IOException {
        String expected = stamp(folder);
        if (expected.equals(storedStamp())) {
            return;
        }
        for (NativeFile file : jar.files()) {
            Optional<String> damage = file.damage(folder);
            if (damage.isPresent()) {
                throw new NativesException(
                        "the engine's library " + folder.resolve(file.name()) + " is damaged: it " + damage.get(),
                        "delete the folder " + folder + ", the next command unpacks it anew");
            }
        }
        try {
            AtomicFile.write(folder.resolve(STAMP), expected);
        } catch (IOException e) {
            LOG.debug("no stamp can be written, so the next start compares again", e); // a folder of an administrator
        }
    }

    /** What has to be the same as when the bytes were compared: in the jar, and of the files. */
    private String stamp(Path where) throws IOException {
        StringBuilder text = new StringBuilder("compared with the jar: name, bytes, CRC-32, time of change\n");
        for (NativeFile file : jar.files()) {
            BasicFileAttributes found = Files.readAttributes(where.resolve(file.name()), BasicFileAttributes.class);
            text.append(file.name()).append(' ').append(found.size()).append(' ');
            text.append(file.size())
                    .append(' ')
                    .append(Long.toHexString(file.crc()))
                    .append(' ');
            text.append(found.lastModifiedTime().toInstant()).append('\n');
        }
        return text.toString();
    }

    private String storedStamp() throws IOException {
        try {
            EngineCache.requirePrivate(folder.resolve(STAMP));
            return Files.readString(folder.resolve(STAMP));
        } catch (NoSuchFileException e) {
            return "";
        }
    }

    /** Deletes what DJL left when it was killed. Its own processes take no lock, so what is young stays. */
    private void removeOldLeftovers() {
        Instant before = Instant.now().minus(OLD);
        for (Path place : List.of(parent, folder)) {
            try (Stream<Path> entries = Files.list(place)) {
                for (Path entry : entries.toList()) {
                    if (OF_DJL.matcher(entry.getFileName().toString()).matches()
                            && newest(entry).isBefore(before)) {
                        deleteTree(entry);
                    }
                }
            } catch (IOException | UncheckedIOException e) {
                LOG.debug("what DJL left in {} cannot be deleted", place, e);
            }
        }
    }

    private static Instant newest(Path entry) throws IOException {
        try (Stream<Path> all = Files.walk(entry)) {
            Instant newest = Instant.MIN;
            for (Path path : all.toList()) {
                Instant changed = Files.getLastModifiedTime(path).toInstant();
                newest = changed.isAfter(newest) ? changed : newest;
            }
            return newest;
        }
    }

    private static void deleteTree(Path root) throws IOException {
        if (!Files.exists(root)) {
            return;
        }
        Files.walkFileTree(root, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure)
                    throws IOException {
                if (failure != null) {
                    throw failure;
                }
                Files.delete(directory);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
