package io.github.maskalign.examples.natives;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.util.Locale;
import java.util.Optional;

/**
 * Who owns and may change a file.
 *
 * @param owner number of the owner
 * @param ownerName name of the owner
 * @param groupName name of the group
 * @param mode bits of the mode
 */
record Access(int owner, String ownerName, String groupName, int mode) {
    private static final int ROOT = 0;
    private static final int STICKY = 01000;
    private static final int GROUP_WRITES = 0020;
    private static final int ALL_WRITE = 0002;
    private static final int PERMISSIONS = 07777;

    /** Reads it, of a link itself. */
    static Access of(Path path) throws IOException {
        PosixFileAttributes attributes =
                Files.readAttributes(path, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        return new Access(
                number(path, "unix:uid"),
                attributes.owner().getName(),
                attributes.group().getName(),
                number(path, "unix:mode"));
    }

    /** Returns the number of the user of this process; empty where the system does not tell. */
    static Optional<Integer> me() {
        Path self = Path.of("/proc/self");
        if (!self.getFileSystem().supportedFileAttributeViews().contains("unix") || !Files.exists(self)) {
            return Optional.empty();
        }
        try {
            return Optional.of((Integer) Files.getAttribute(self, "unix:uid"));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /**
     * Returns why what lies here must not run with the rights of a user; empty if it may. Root and the user may own
     * it. A group may write if it has the owner's name: such a group has no other member.
     */
    Optional<String> danger(int me) {
        if (owner != me && owner != ROOT) {
            return Optional.of("belongs to another user (" + ownerName + ")");
        }
        boolean group = (mode & GROUP_WRITES) != 0 && !groupName.equals(ownerName);
        return group || (mode & ALL_WRITE) != 0
                ? Optional.of("can be written by others (" + words() + ")")
                : Optional.empty();
    }

    /** Tells whether everybody may replace what lies in this folder. */
    boolean isOpenToAll() {
        return (mode & ALL_WRITE) != 0 && (mode & STICKY) == 0;
    }

    /** Owner, group and mode. */
    private String words() {
        return String.format(Locale.ROOT, "%s:%s, mode %o", ownerName, groupName, mode & PERMISSIONS);
    }

    private static int number(Path path, String attribute) throws IOException {
        return (Integer) Files.getAttribute(path, attribute, LinkOption.NOFOLLOW_LINKS);
    }
}
