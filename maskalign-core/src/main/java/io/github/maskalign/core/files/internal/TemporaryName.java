package io.github.maskalign.core.files.internal;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Names such as {@code .model.safetensors.tmp-0f3a…}: hidden, next to the target, never mistaken for a result. */
public final class TemporaryName {
    private static final String RANDOM = "[0-9a-f]{16}";
    private static final Pattern LEFTOVER = Pattern.compile("\\..+\\.tmp-" + RANDOM, Pattern.DOTALL);

    private static final Logger LOG = LoggerFactory.getLogger(TemporaryName.class);

    private TemporaryName() {}

    public static Path of(Path target) {
        return withSuffix(target, ".tmp-");
    }

    static Path withSuffix(Path target, String suffix) {
        String random =
                String.format(Locale.ROOT, "%016x", ThreadLocalRandom.current().nextLong());
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
            public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException failure) throws IOException {
                if (failure != null) {
                    throw failure;
                }
                files.delete(folder);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
