package io.github.maskalign.core.files.internal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The calls that a durable write is made of. Tests replace them, to fail or to stop at each one. */
public interface FileOperations {
    FileOperations SYSTEM = new SystemFileOperations();

    /** Creates a file that does not exist yet, readable by its owner only. */
    FileChannel create(Path file) throws IOException;

    /** Creates a folder that does not exist yet, readable by its owner only. */
    void createDirectory(Path folder) throws IOException;

    /** Writes all remaining bytes. */
    void write(FileChannel channel, ByteBuffer bytes) throws IOException;

    /** Brings the content of a file to the disk. */
    void force(FileChannel channel) throws IOException;

    /** Brings the names in a folder to the disk. */
    void forceDirectory(Path folder) throws IOException;

    /** Gives a complete file or folder the readers that the folder around it has. */
    void publish(Path path) throws IOException;

    /** Renames in one step: a reader sees the old or the new, and a file that has the name is replaced. */
    void rename(Path from, Path to) throws IOException;

    /** Deletes a file or an empty folder, if it exists. */
    void delete(Path path) throws IOException;

    /**
     * The calls of the operating system.
     *
     * <p>Rights, and the force of folders, are skipped where they do not exist or the file system refuses them, as exFAT,
     * network shares and FUSE do: a warning says once what that costs. Any other failure names the call.
     */
    final class SystemFileOperations implements FileOperations {
        private static final Logger LOG = LoggerFactory.getLogger(SystemFileOperations.class);
        private static final Set<StandardOpenOption> NEW =
                EnumSet.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);

        /** What Linux says of a call that a file system does not have. */
        private static final Pattern NOT_SUPPORTED = Pattern.compile(
                "Operation not permitted|Operation not supported|Function not implemented|Invalid argument");

        private final Rights rights;
        private final FolderForce folderForce;
        private final Set<String> warned = ConcurrentHashMap.newKeySet();

        /** The call chmod. */
        interface Rights {
            void set(Path path, Set<PosixFilePermission> rights) throws IOException;
        }

        /** The call fsync for a folder. */
        interface FolderForce {
            void force(Path folder) throws IOException;
        }

        SystemFileOperations() {
            this(Files::setPosixFilePermissions, SystemFileOperations::fsync);
        }

        /** For tests: other file systems. */
        SystemFileOperations(Rights rights, FolderForce folderForce) {
            this.rights = rights;
            this.folderForce = folderForce;
        }

        @Override
        public FileChannel create(Path file) throws IOException {
            try {
                return FileChannel.open(file, NEW, ownerOnly(file, "rw-------"));
            } catch (FileSystemException e) {
                throw named("creating the file", file, e);
            }
        }

        @Override
        public void createDirectory(Path folder) throws IOException {
            try {
                Files.createDirectory(folder, ownerOnly(folder, "rwx------"));
            } catch (FileSystemException e) {
                throw named("creating the folder", folder, e);
            }
        }

        @Override
        public void write(FileChannel channel, ByteBuffer bytes) throws IOException {
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        }

        @Override
        public void force(FileChannel channel) throws IOException {
            try {
                channel.force(true);
            } catch (IOException e) {
                if (e.getClass() == IOException.class) {
                    throw new IOException("forcing the file to the disk (fsync): " + e.getMessage(), e);
                }
                throw e;
            }
        }

        @Override
        public void forceDirectory(Path folder) throws IOException {
            if (!isPosix(folder)) {
                return;
            }
            try {
                folderForce.force(folder);
            } catch (IOException e) {
                if (!isRefused(e)) {
                    throw named("forcing the folder to the disk (fsync)", folder, e);
                }
                warnOnce(
                        "the names in a folder cannot be forced to the disk (fsync), so a power loss may take the newest"
                                + " files with it",
                        folder,
                        e);
            }
        }

        private static void fsync(Path folder) throws IOException {
            try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
                channel.force(true);
            }
        }

        @Override
        public void publish(Path path) throws IOException {
            if (!isPosix(path)) {
                return;
            }
            boolean folder = Files.isDirectory(path);
            Set<PosixFilePermission> around = Files.getPosixFilePermissions(parentOf(path));
            Set<PosixFilePermission> all = PosixFilePermissions.fromString(folder ? "rwx------" : "rw-------");
            if (around.contains(PosixFilePermission.GROUP_READ)) {
                all.add(PosixFilePermission.GROUP_READ);
            }
            if (around.contains(PosixFilePermission.OTHERS_READ)) {
                all.add(PosixFilePermission.OTHERS_READ);
            }
            if (folder && around.contains(PosixFilePermission.GROUP_EXECUTE)) {
                all.add(PosixFilePermission.GROUP_EXECUTE);
            }
            if (folder && around.contains(PosixFilePermission.OTHERS_EXECUTE)) {
                all.add(PosixFilePermission.OTHERS_EXECUTE);
            }
            try {
                rights.set(path, all);
            } catch (IOException | UnsupportedOperationException e) {
                if (e instanceof IOException failure && !isRefused(failure)) {
                    throw named("setting the access rights (chmod)", path, failure);
                }
                warnOnce("access rights cannot be set (chmod), so files keep those that they are made with", path, e);
            }
        }

        @Override
        public void rename(Path from, Path to) throws IOException {
            try {
                Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
            } catch (FileSystemException e) {
                throw named("renaming to " + to.getFileName(), from, e);
            }
        }

        @Override
        public void delete(Path path) throws IOException {
            Files.deleteIfExists(path);
        }

        private static boolean isRefused(IOException failure) {
            return NOT_SUPPORTED.matcher(reason(failure)).find();
        }

        /** One warning for each file system and call. */
        private void warnOnce(String what, Path path, Exception failure) {
            if (warned.add(storeOf(path) + what)) {
                LOG.warn("{}: {} ({})", path.getParent(), what, failure.getMessage());
            }
        }

        private static String storeOf(Path path) {
            try {
                return Files.getFileStore(path).toString();
            } catch (IOException e) {
                return "";
            }
        }

        /** Says which call failed, unless the type of the exception does: a disk that is full or gone does not say it. */
        private static IOException named(String call, Path path, IOException failure) {
            if (failure.getClass() != FileSystemException.class && failure.getClass() != IOException.class) {
                return failure;
            }
            FileSystemException named = new FileSystemException(path.toString(), null, call + ": " + reason(failure));
            named.initCause(failure);
            return named;
        }

        private static String reason(IOException failure) {
            return String.valueOf(
                    failure instanceof FileSystemException named ? named.getReason() : failure.getMessage());
        }

        public static Path parentOf(Path path) {
            Path parent = path.toAbsolutePath().getParent();
            if (parent == null) {
                throw new IllegalArgumentException(path + " has no folder around it");
            }
            return parent;
        }

        private static boolean isPosix(Path path) {
            return path.getFileSystem().supportedFileAttributeViews().contains("posix");
        }

        private static FileAttribute<?>[] ownerOnly(Path path, String rights) {
            return isPosix(path)
                    ? new FileAttribute<?>[] {
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(rights))
                    }
                    : new FileAttribute<?>[0];
        }
    }

    /** Names such as {@code .model.safetensors.tmp-0f3a…}: hidden, next to the target, never mistaken for a result. */
    final class TemporaryName {
        private static final String RANDOM = "[0-9a-f]{16}";
        private static final Pattern LEFTOVER = Pattern.compile("\\..+\\.tmp-" + RANDOM, Pattern.DOTALL);

        private static final Logger LOG = LoggerFactory.getLogger(TemporaryName.class);

        private TemporaryName() {}

        public static Path of(Path target) {
            return withSuffix(target, ".tmp-");
        }

        static Path withSuffix(Path target, String suffix) {
            String random = String.format(
                    Locale.ROOT, "%016x", ThreadLocalRandom.current().nextLong());
            return target.resolveSibling("." + target.getFileName() + suffix + random);
        }

        public static boolean isLeftover(Path file) {
            return LEFTOVER.matcher(String.valueOf(file.getFileName())).matches();
        }

        public static List<Path> leftoversIn(Path folder) throws IOException {
            return matching(folder, LEFTOVER);
        }

        static List<Path> matching(Path folder, Pattern name) throws IOException {
            List<Path> found = new ArrayList<>();
            try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
                for (Path entry : entries) {
                    if (name.matcher(String.valueOf(entry.getFileName())).matches()) {
                        found.add(entry);
                    }
                }
            }
            return found;
        }

        /** Deletes what is in nobody's way, with all it holds; says so if that fails, and whether it worked. */
        public static boolean deleteIfPossible(FileOperations files, Path root) {
            try {
                deleteTree(files, root);
                return true;
            } catch (IOException e) {
                LOG.warn(
                        "{} is no longer needed but cannot be deleted, the next start will try again: {}",
                        root,
                        e.toString());
                return false;
            }
        }

        /** Deletes a file or a folder with all it holds; does not follow links. */
        public static void deleteTree(FileOperations files, Path root) throws IOException {
            if (!Files.isDirectory(root, java.nio.file.LinkOption.NOFOLLOW_LINKS)) {
                files.delete(root);
                return;
            }
            Files.walkFileTree(root, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    files.delete(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException failure)
                        throws IOException {
                    if (failure != null) {
                        throw failure;
                    }
                    files.delete(folder);
                    return FileVisitResult.CONTINUE;
                }
            });
        }
    }

    /** A file or checkpoint could not be written: the disk is full, fails or is not writable. Says what is still there. */
    final class CheckpointWriteException extends IOException {
        public CheckpointWriteException(Path target, String whatIsThere, Throwable cause) {
            super("could not write " + target + ": " + reason(cause) + "; " + whatIsThere, cause);
        }

        private static String reason(Throwable cause) {
            String message = cause.getMessage();
            // The messages of NoSuchFileException and its like are just a path.
            boolean speaks = cause.getClass() == IOException.class || cause.getClass() == FileSystemException.class;
            return speaks && message != null
                    ? message
                    : cause.getClass().getSimpleName() + (message == null ? "" : " (" + message + ")");
        }
    }
}
