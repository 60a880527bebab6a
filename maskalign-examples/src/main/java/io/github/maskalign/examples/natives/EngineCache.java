package io.github.maskalign.examples.natives;

import io.github.maskalign.examples.natives.EngineNatives.NativesException;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The folder that DJL unpacks its libraries into. What lies there is loaded and runs, so nobody else may write it.
 *
 * @param folder where it is
 * @param isOwn whether it is a folder of ours that DJL has to be told of
 */
record EngineCache(Path folder, boolean isOwn) {
    /**
     * Chooses the folder as DJL does, but for one case: where DJL would share {@code /tmp/.djl.ai} with all users,
     * because the home folder cannot be written, it is a private folder in {@code /tmp}.
     *
     * @param settings a setting of DJL by its name, from the environment or the properties; null if unset
     * @throws NativesException if others have made the private folder
     */
    static EngineCache choose(UnaryOperator<@Nullable String> settings, Path home, Path temporary) throws IOException {
        for (String name : new String[] {"ENGINE_CACHE_DIR", "DJL_CACHE_DIR"}) {
            String set = settings.apply(name);
            if (set != null && !set.isEmpty()) {
                return new EngineCache(Path.of(set).toAbsolutePath(), false);
            }
        }
        return Files.isWritable(home)
                ? new EngineCache(home.resolve(".djl.ai").toAbsolutePath(), false)
                : new EngineCache(privateFolder(temporary.toAbsolutePath()), true);
    }

    /**
     * Checks the folder and what leads to it; what is not there yet is nobody's.
     *
     * @throws NativesException if another user can change what lies there
     */
    void requirePrivate() throws IOException {
        requirePrivate(folder);
        for (Path parent = folder.getParent(); parent != null; parent = parent.getParent()) {
            if (Access.me().isPresent()
                    && Files.exists(parent)
                    && accessOf(parent).isOpenToAll()) {
                throw new NativesException(
                        "the engine's libraries lie in " + folder + ", but everybody can replace what lies in "
                                + parent,
                        "run 'chmod o-w " + parent + "', or name a private folder with DJL_CACHE_DIR");
            }
        }
    }

    /** Checks one file or folder of the cache. */
    static void requirePrivate(Path path) throws IOException {
        Optional<Integer> me = Access.me();
        if (me.isEmpty() || !Files.exists(path)) {
            return;
        }
        Optional<String> danger = accessOf(path).danger(me.get());
        if (danger.isPresent()) {
            throw new NativesException(
                    "the engine's libraries would run with your rights, but " + path + " " + danger.get(),
                    "run 'chmod -R go-w " + path + "' if it is yours and nobody has changed it, or name a private"
                            + " folder with DJL_CACHE_DIR");
        }
    }

    private static Path privateFolder(Path temporary) throws IOException {
        Optional<Integer> me = Access.me();
        Path folder = temporary.resolve(
                "maskalign-natives-" + me.map(Object::toString).orElse(System.getProperty("user.name")));
        try {
            if (me.isPresent()) {
                Files.createDirectory(
                        folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            } else {
                Files.createDirectory(folder);
            }
        } catch (FileAlreadyExistsException e) { // by an earlier command, or by somebody who knows the name
            if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
                throw new NativesException(
                        folder + " is to hold the engine's libraries but is no folder",
                        "name a private folder with DJL_CACHE_DIR");
            }
            requirePrivate(folder);
        }
        return folder;
    }

    /** Creates a folder and what leads to it, so that nobody else can write in them whatever the user's mask is. */
    static void createFolders(Path folder) throws IOException {
        if (Access.me().isPresent()) {
            Files.createDirectories(
                    folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
        } else {
            Files.createDirectories(folder);
        }
    }

    /** Of what a link leads to. */
    private static Access accessOf(Path path) throws IOException {
        return Access.of(path.toRealPath());
    }
}
