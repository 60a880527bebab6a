package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.CheckpointFormatException.NewerFormatException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

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
