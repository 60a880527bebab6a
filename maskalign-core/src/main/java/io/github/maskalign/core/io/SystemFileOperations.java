package io.github.maskalign.core.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.Set;

/** The calls of the operating system. Rights and the force of folders are skipped where they do not exist. */
final class SystemFileOperations implements FileOperations {
    private static final Set<StandardOpenOption> NEW =
            EnumSet.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);

    @Override
    public FileChannel create(Path file) throws IOException {
        return FileChannel.open(file, NEW, ownerOnly(file, "rw-------"));
    }

    @Override
    public void createDirectory(Path folder) throws IOException {
        Files.createDirectory(folder, ownerOnly(folder, "rwx------"));
    }

    @Override
    public void write(FileChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    @Override
    public void force(FileChannel channel) throws IOException {
        channel.force(true);
    }

    @Override
    public void forceDirectory(Path folder) throws IOException {
        if (isPosix(folder)) {
            try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
                channel.force(true);
            }
        }
    }

    @Override
    public void publish(Path path) throws IOException {
        if (!isPosix(path)) {
            return;
        }
        boolean folder = Files.isDirectory(path);
        Set<PosixFilePermission> around = Files.getPosixFilePermissions(parentOf(path));
        Set<PosixFilePermission> rights = PosixFilePermissions.fromString(folder ? "rwx------" : "rw-------");
        if (around.contains(PosixFilePermission.GROUP_READ)) {
            rights.add(PosixFilePermission.GROUP_READ);
        }
        if (around.contains(PosixFilePermission.OTHERS_READ)) {
            rights.add(PosixFilePermission.OTHERS_READ);
        }
        if (folder && around.contains(PosixFilePermission.GROUP_EXECUTE)) {
            rights.add(PosixFilePermission.GROUP_EXECUTE);
        }
        if (folder && around.contains(PosixFilePermission.OTHERS_EXECUTE)) {
            rights.add(PosixFilePermission.OTHERS_EXECUTE);
        }
        Files.setPosixFilePermissions(path, rights);
    }

    @Override
    public void rename(Path from, Path to) throws IOException {
        Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    }

    @Override
    public void delete(Path path) throws IOException {
        Files.deleteIfExists(path);
    }

    static Path parentOf(Path path) {
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
                ? new FileAttribute<?>[] {PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(rights))}
                : new FileAttribute<?>[0];
    }
}
