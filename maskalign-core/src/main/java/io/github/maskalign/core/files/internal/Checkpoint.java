package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.CheckpointFormatException.NewerFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.SafetensorsWriter.WrittenFile;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.internal.Checkpoint.CheckpointManifest.Entry;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

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

    /** What {@code manifest.json} says: the format's version, the step, free texts, sizes and checksums of all files. */
    record CheckpointManifest(long step, Map<String, String> metadata, Map<String, Entry> files) {
        static final int VERSION = 1;
        static final String FILE_NAME = "manifest.json";
        /** One line in the format of {@code sha256sum}, so that a damaged manifest is noticed too. */
        static final String CHECKSUM_NAME = "manifest.sha256";

        private static final String FORMAT = "maskalign-checkpoint";
        private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,99}\\.safetensors");
        private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
        private static final int MAX_FILES = 1000;

        /** One file of a checkpoint. */
        record Entry(long byteSize, String sha256, Map<String, String> tensorChecksums) {}

        CheckpointManifest {
            metadata = Collections.unmodifiableMap(new TreeMap<>(metadata));
            files = Collections.unmodifiableMap(new LinkedHashMap<>(files));
        }

        static String checksumLine(byte[] manifest) {
            return Digests.sha256(manifest) + "  " + FILE_NAME + "\n";
        }

        /** Returns the name of a file, or throws if a name could leave the folder or hide. */
        static String fileName(String name) {
            String fileName = name + ".safetensors";
            if (!NAME.matcher(fileName).matches()) {
                throw new IllegalArgumentException(
                        "the name of a checkpoint's file must be letters, digits, _ and - but was "
                                + StrictJson.quote(name));
            }
            return fileName;
        }

        String toJson() {
            StringBuilder json = new StringBuilder("{\n  \"format\": \"" + FORMAT + "\",\n  \"version\": " + VERSION);
            json.append(",\n  \"step\": ").append(step).append(",\n  \"metadata\": {");
            texts(json, metadata, "    ");
            json.append("},\n  \"files\": {");
            String separator = "\n";
            for (Map.Entry<String, Entry> file : files.entrySet()) {
                json.append(separator).append("    ");
                StrictJson.append(json, file.getKey());
                json.append(": {\n      \"bytes\": ").append(file.getValue().byteSize());
                json.append(",\n      \"sha256\": \"").append(file.getValue().sha256());
                json.append("\",\n      \"crc32c\": {");
                texts(json, file.getValue().tensorChecksums(), "        ");
                json.append("}\n    }");
                separator = ",\n";
            }
            return json.append("\n  }\n}\n").toString();
        }

        private static void texts(StringBuilder json, Map<String, String> texts, String indent) {
            String separator = "\n";
            for (Map.Entry<String, String> text : new TreeMap<>(texts).entrySet()) {
                json.append(separator).append(indent);
                StrictJson.append(json, text.getKey());
                json.append(": ");
                StrictJson.append(json, text.getValue());
                separator = ",\n";
            }
        }

        /** Parses a manifest whose checksum was right. */
        static CheckpointManifest parse(Path file, byte[] bytes) throws CheckpointFormatException {
            Parser parser = new Parser();
            StrictJson.readObject(
                    file,
                    ByteBuffer.wrap(bytes),
                    "the manifest",
                    json -> json.object("the manifest", 5, key -> parser.read(json, key)));
            if (!FORMAT.equals(parser.format) || parser.version == 0 || parser.step < 0) {
                throw new CheckpointFormatException(
                        file, "the manifest must have the format " + FORMAT + ", a version from 1, and a step");
            }
            return new CheckpointManifest(parser.step, parser.metadata, parser.files);
        }

        /** Collects the fields in the order in which they come; the version is before all that it may change. */
        private static final class Parser {
            private @Nullable String format;
            private long version;
            private long step = -1;
            private final Map<String, String> metadata = new LinkedHashMap<>();
            private final Map<String, Entry> files = new LinkedHashMap<>();

            void read(StrictJson json, String key) throws IOException {
                switch (key) {
                    case "format" -> format = json.string(key);
                    case "version" -> version = readVersion(json);
                    case "step" -> step = json.count(key);
                    case "metadata" -> metadata.putAll(json.strings(key, SafetensorsHeader.MAX_TENSORS));
                    case "files" -> json.object(key, MAX_FILES, name -> files.put(name, entry(json, name)));
                    default -> throw json.problem("the manifest has the unknown key " + StrictJson.quote(key));
                }
            }

            private static long readVersion(StrictJson json) throws IOException {
                long version = json.count("version");
                if (version > VERSION) {
                    throw new NewerFormatException(json.file(), version, VERSION);
                }
                return version;
            }

            private static Entry entry(StrictJson json, String name) throws IOException {
                if (!NAME.matcher(name).matches()) {
                    throw json.problem("the manifest lists " + StrictJson.quote(name)
                            + ", which is not the name of a safetensors file in this folder");
                }
                long[] bytes = {-1};
                String[] sha256 = {""};
                Map<String, String> tensors = new LinkedHashMap<>();
                json.object(name, 3, key -> {
                    switch (key) {
                        case "bytes" -> bytes[0] = json.count(key);
                        case "sha256" -> sha256[0] = json.string(key);
                        case "crc32c" -> tensors.putAll(json.strings(key, SafetensorsHeader.MAX_TENSORS));
                        default -> throw json.problem(name + " has the unknown key " + StrictJson.quote(key));
                    }
                });
                if (bytes[0] < 0 || !SHA256.matcher(sha256[0]).matches()) {
                    throw json.problem(name + " must have its size in bytes and a SHA-256 of 64 hexadecimal digits");
                }
                return new Entry(bytes[0], sha256[0], tensors);
            }
        }
    }

    /**
     * Weights for use, not for resuming: one file {@code snapshot-0400000.safetensors}. If a run keeps several averages of
     * its weights, the files of those besides the first are named {@code snapshot-ema0.999-0400000.safetensors}.
     */
    public static final class Snapshot {
        private Snapshot() {}

        /** Returns the name of the snapshot of a step (from 0): seven digits or more. */
        public static String fileName(long step) {
            if (step < 0) {
                throw new IllegalArgumentException("step must be at least 0 but was " + step);
            }
            return String.format(Locale.ROOT, "snapshot-%07d.safetensors", step);
        }

        /** Returns the name of the snapshot of a further average, of a decay in [0, 1]. */
        public static String fileName(long step, double decay) {
            return fileName(step).replace("snapshot-", "snapshot-ema" + decayText(decay) + "-");
        }

        /** Returns a decay as it stands in names of files: {@code 0.9999}, never {@code 1.0E-5}. */
        public static String decayText(double decay) {
            return new BigDecimal(Double.toString(decay)).toPlainString();
        }

        /** Writes or replaces the snapshot of a step in one go, see {@link SafetensorsWriter#write}. */
        public static WrittenFile write(Path folder, long step, StateDict weights, Map<String, String> metadata)
                throws IOException {
            return SafetensorsWriter.write(folder.resolve(fileName(step)), weights, metadata);
        }

        /** Writes or replaces the snapshot of a further average in one go. */
        public static WrittenFile write(
                Path folder, long step, double decay, StateDict weights, Map<String, String> metadata)
                throws IOException {
            return SafetensorsWriter.write(folder.resolve(fileName(step, decay)), weights, metadata);
        }
    }
}
