package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.CheckpointFormatException.NewerFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.internal.CheckpointManifest.Entry;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * One complete training state on the disk: a folder {@code state-0000400} with safetensors files, a manifest and its
 * checksum. An instance exists only after all checksums were right.
 */
public final class Checkpoint {
    private static final long MAX_MANIFEST_BYTES = 64L << 20;

    private final Path folder;
    private final CheckpointManifest manifest;

    Checkpoint(Path folder, CheckpointManifest manifest) {
        this.folder = folder;
        this.manifest = manifest;
    }

    /** Returns the folder. */
    public Path folder() {
        return folder;
    }

    /** Returns the number of optimiser steps done when it was saved. */
    public long step() {
        return manifest.step();
    }

    /** Returns the texts saved with it, such as the hash of the configuration and library versions. */
    public Map<String, String> metadata() {
        return manifest.metadata();
    }

    /** Returns the names of its files, without {@code .safetensors}. */
    public Set<String> names() {
        Set<String> names = new TreeSet<>();
        manifest.files().keySet().forEach(file -> names.add(file.substring(0, file.lastIndexOf('.'))));
        return names;
    }

    /** Opens one of its files. */
    public SafetensorsFile open(String name) throws IOException {
        String file = CheckpointManifest.fileName(name);
        if (!manifest.files().containsKey(file)) {
            throw new CheckpointFormatException(folder, "there is no " + file + "; there are " + names());
        }
        return SafetensorsFile.open(folder.resolve(file));
    }

    @Override
    public String toString() {
        return folder.toString();
    }

    /**
     * Reads a checkpoint and verifies every byte.
     *
     * @throws CheckpointFormatException with all damaged files, and their damaged tensors
     * @throws NewerFormatException if a newer release wrote it
     */
    static Checkpoint verified(Path folder) throws IOException {
        Path file = folder.resolve(CheckpointManifest.FILE_NAME);
        byte[] bytes = smallFile(file);
        byte[] checksum = smallFile(folder.resolve(CheckpointManifest.CHECKSUM_NAME));
        if (!Arrays.equals(checksum, CheckpointManifest.checksumLine(bytes).getBytes(StandardCharsets.UTF_8))) {
            throw new CheckpointFormatException(
                    file, "the checksum in " + CheckpointManifest.CHECKSUM_NAME + " is of another content");
        }
        CheckpointManifest manifest = CheckpointManifest.parse(file, bytes);
        List<String> problems = new ArrayList<>();
        for (Map.Entry<String, Entry> entry : manifest.files().entrySet()) {
            verify(folder.resolve(entry.getKey()), entry.getValue(), problems);
        }
        if (!problems.isEmpty()) {
            throw new CheckpointFormatException(folder.toString(), problems);
        }
        return new Checkpoint(folder, manifest);
    }

    private static byte[] smallFile(Path file) throws IOException {
        try {
            if (Files.size(file) > MAX_MANIFEST_BYTES) {
                throw new CheckpointFormatException(file, "must have at most " + MAX_MANIFEST_BYTES + " bytes");
            }
            return Files.readAllBytes(file);
        } catch (NoSuchFileException e) {
            throw new CheckpointFormatException(file, "the file is missing", e);
        }
    }

    private static void verify(Path file, Entry expected, List<String> problems) throws IOException {
        String name = String.valueOf(file.getFileName());
        if (!Files.isRegularFile(file)) {
            problems.add(name + " is missing");
        } else if (Files.size(file) != expected.byteSize()) {
            problems.add(name + " must have " + expected.byteSize() + " bytes but has " + Files.size(file));
        } else if (!Digests.sha256(file).equals(expected.sha256())) {
            problems.add(name + " was damaged: " + damage(file, expected));
        }
    }

    /** Says which tensors do not have the bytes they were written with. */
    private static String damage(Path file, Entry expected) {
        try (SafetensorsFile opened = SafetensorsFile.open(file)) {
            List<String> changed = new ArrayList<>();
            for (Map.Entry<String, TensorSource> t :
                    opened.stateDict().tensors().entrySet()) {
                if (!Digests.crc32c(t.getValue())
                        .equals(expected.tensorChecksums().get(t.getKey()))) {
                    changed.add(t.getKey());
                }
            }
            return changed.isEmpty() ? "its header changed" : "tensors " + String.join(", ", changed) + " changed";
        } catch (IOException e) {
            return "its header changed (" + e.getMessage() + ")";
        }
    }
}
