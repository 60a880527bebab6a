package io.github.maskalign.core.data.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.data.internal.Shard.SamplePart;
import io.github.maskalign.core.data.internal.ShardBuilder.Names;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.internal.Digests;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * The index of a prepared set, {@code index.safetensors}, which is written last: a folder without one is unfinished.
 *
 * <p>Metadata: format, version, the layout and the settings it was prepared with. Tensors: {@code label} (N) I32 and
 * {@code name} of all samples in the order of the shards, {@code class} the names of the classes, {@code shard.size} (S)
 * I64 and {@code shard.sha256} (S, 32) U8; and the CRC-32C of each part of each sample (N) U32, {@code moments.crc32c} and
 * as the layout has them {@code image.crc32c} and {@code tokens.crc32c}: the last is that of the sample's row of token
 * checksums in its shard, see {@link ShardBuilder}. The metadata's {@code tensors_sha256} covers all of them. Sets of
 * version 1, which are read too, have neither that nor checksums.
 *
 * @param layout what the samples hold
 * @param settings how they were made; free texts
 * @param classes names of the classes, by label
 * @param shards the shards in order
 */
public record ShardIndex(SampleLayout layout, Map<String, String> settings, List<String> classes, List<Entry> shards) {
    /** Name of the index in its folder. */
    public static final String FILE = "index.safetensors";

    static final String CLASS = "class";
    static final String SHARD_SIZE = "shard.size";
    static final String SHARD_SHA256 = "shard.sha256";

    private static final String FORMAT = "maskalign-prepared-set";
    private static final String VERSION = "2";
    private static final String WITHOUT_CHECKSUMS = "1";
    private static final String TENSORS_SHA256 = "tensors_sha256";
    private static final String SETTING = "setting.";
    private static final int HASH_BYTES = 32;

    /**
     * One shard.
     *
     * @param size number of its samples, at least 0
     * @param sha256 hash of the file, 64 hexadecimal digits
     */
    public record Entry(int size, String sha256) {}

    /** Copies the collections. */
    public ShardIndex {
        settings = new TreeMap<>(settings);
        classes = List.copyOf(classes);
        shards = List.copyOf(shards);
    }

    /** Returns the name of the shard with this number. */
    public static String fileName(int shard) {
        return String.format(Locale.ROOT, "shard-%05d.safetensors", shard);
    }

    /** Returns the number of samples. */
    public int samples() {
        return Math.toIntExact(shards.stream().mapToLong(Entry::size).sum());
    }

    /** Returns the hash of layout, classes and all shards' hashes: another set has another. */
    public String identity() {
        StringBuilder text = new StringBuilder(layout.toString());
        classes.forEach(name -> text.append('\n').append(name));
        shards.forEach(shard -> text.append('\n').append(shard.sha256()));
        return Digests.sha256(text.toString());
    }

    /**
     * Writes the index of the shards in a folder, taking labels and names from them.
     *
     * @throws CheckpointFormatException if a shard is not what its entry says, or a label has no class
     */
    public void write(Path folder) throws IOException {
        List<String> names = new ArrayList<>();
        Column labels = new Column(TensorType.I32);
        Column hashes = new Column(TensorType.U8, HASH_BYTES);
        Map<SamplePart, Column> checksums = new EnumMap<>(SamplePart.class);
        SamplePart.of(layout).forEach(part -> checksums.put(part, new Column(TensorType.U32)));
        long[] sizes = new long[shards.size()];
        for (int s = 0; s < sizes.length; s++) {
            Entry entry = shards.get(s);
            sizes[s] = entry.size();
            hashes.add(HexFormat.of().parseHex(entry.sha256()), 1);
            Path file = folder.resolve(fileName(s));
            try (Shard shard = Shard.open(file, layout, entry.size())) {
                Names texts = shard.names(entry.size());
                long[] found = shard.labels();
                for (int i = 0; i < found.length; i++) {
                    requireClass(file, found[i]);
                    labels.addInt((int) found[i]);
                    names.add(texts.get(i));
                }
                for (Map.Entry<SamplePart, Column> part : checksums.entrySet()) {
                    for (int crc : shard.checksums(part.getKey(), entry.size())) {
                        part.getValue().addInt(crc);
                    }
                }
            }
        }
        Map<String, TensorSource> tensors = new LinkedHashMap<>(Names.tensors(ShardBuilder.NAME, names));
        tensors.putAll(Names.tensors(CLASS, classes));
        tensors.put(ShardBuilder.LABEL, labels);
        tensors.put(SHARD_SIZE, TensorSource.of(new Shape(sizes.length), sizes));
        tensors.put(SHARD_SHA256, hashes);
        checksums.forEach((part, sums) -> tensors.put(part.checksums(), sums));
        Map<String, String> metadata = metadata();
        metadata.put(TENSORS_SHA256, Digests.sha256(tensors));
        SafetensorsWriter.write(folder.resolve(FILE), StateDict.ofTensors(tensors), metadata);
    }

    private void requireClass(Path file, long label) throws CheckpointFormatException {
        if (label < 0 || label >= classes.size()) {
            throw new CheckpointFormatException(
                    file, "labels must be in [0, " + (classes.size() - 1) + "] but one is " + label);
        }
    }

    private Map<String, String> metadata() {
        Map<String, String> out = new TreeMap<>();
        out.put("format", FORMAT);
        out.put("version", VERSION);
        out.put("channels", Integer.toString(layout.channels()));
        out.put("side", Integer.toString(layout.side()));
        out.put("moments", layout.moments().name());
        out.put("image_side", Integer.toString(layout.imageSide()));
        out.put("tokens", Integer.toString(layout.tokens()));
        out.put("token_width", Integer.toString(layout.tokenWidth()));
        out.put("token_code", layout.tokenCode().name());
        settings.forEach((key, value) -> out.put(SETTING + key, value));
        return out;
    }

    /** Reads an open index; labels and names stay in the file. */
    static ShardIndex read(SafetensorsFile file) throws IOException {
        Map<String, String> metadata = file.metadata();
        String version = metadata.get("version");
        if (!FORMAT.equals(metadata.get("format")) || !VERSION.equals(version) && !WITHOUT_CHECKSUMS.equals(version)) {
            throw new CheckpointFormatException(
                    file.path(),
                    "the metadata must say format " + FORMAT + " and version " + WITHOUT_CHECKSUMS + " or " + VERSION
                            + " but says " + metadata.get("format") + " and " + version);
        }
        if (hasChecksums(file)) {
            String found = Digests.sha256(file.stateDict().tensors());
            if (!found.equals(metadata.get(TENSORS_SHA256))) {
                throw new CheckpointFormatException(
                        file.path(),
                        "it is damaged: the SHA-256 of its tensors is " + found + " but its metadata says "
                                + metadata.get(TENSORS_SHA256));
            }
        }
        try {
            SampleLayout layout = new SampleLayout(
                    Integer.parseInt(metadata.getOrDefault("channels", "")),
                    Integer.parseInt(metadata.getOrDefault("side", "")),
                    FloatCode.valueOf(metadata.getOrDefault("moments", "")),
                    Integer.parseInt(metadata.getOrDefault("image_side", "")),
                    Integer.parseInt(metadata.getOrDefault("tokens", "")),
                    Integer.parseInt(metadata.getOrDefault("token_width", "")),
                    FloatCode.valueOf(metadata.getOrDefault("token_code", "")));
            Map<String, String> settings = new TreeMap<>();
            metadata.forEach((key, value) -> {
                if (key.startsWith(SETTING)) {
                    settings.put(key.substring(SETTING.length()), value);
                }
            });
            return new ShardIndex(layout, settings, classes(file), entries(file));
        } catch (IllegalArgumentException e) {
            throw new CheckpointFormatException(
                    file.path(), "the metadata does not describe samples: " + e.getMessage(), e);
        }
    }

    /** Tells whether an open index has checksums of samples, and of itself: all but the first format's. */
    static boolean hasChecksums(SafetensorsFile file) {
        return !WITHOUT_CHECKSUMS.equals(file.metadata().get("version"));
    }

    private static List<String> classes(SafetensorsFile file) throws IOException {
        Names names = Names.read(file, CLASS, file.longs(Names.endsOf(CLASS)).length);
        List<String> out = new ArrayList<>();
        for (int i = 0; i < names.size(); i++) {
            out.add(names.get(i));
        }
        return out;
    }

    private static List<Entry> entries(SafetensorsFile file) throws IOException {
        long[] sizes = file.longs(SHARD_SIZE);
        long[] hashes = file.longs(SHARD_SHA256);
        if (hashes.length != sizes.length * HASH_BYTES) {
            throw new CheckpointFormatException(
                    file.path(), "there are " + sizes.length + " shards but hashes of " + hashes.length + " bytes");
        }
        List<Entry> out = new ArrayList<>();
        for (int s = 0; s < sizes.length; s++) {
            byte[] hash = new byte[HASH_BYTES];
            for (int i = 0; i < HASH_BYTES; i++) {
                hash[i] = (byte) hashes[s * HASH_BYTES + i];
            }
            if (sizes[s] < 0 || sizes[s] > Integer.MAX_VALUE) {
                throw new CheckpointFormatException(file.path(), "shard " + s + " has the size " + sizes[s]);
            }
            out.add(new Entry((int) sizes[s], HexFormat.of().formatHex(hash)));
        }
        return out;
    }

    /** One tensor of a shard while it grows, a row for each sample, little-endian. */
    static final class Column implements TensorSource {
        private final TensorType type;
        private final long[] rowShape;
        private final List<byte[]> chunks = new ArrayList<>();
        private long rows;

        Column(TensorType type, long... rowShape) {
            this.type = type;
            this.rowShape = rowShape;
        }

        /** Appends whole rows. */
        void add(byte[] bytes, int count) {
            chunks.add(bytes);
            rows += count;
        }

        void addInt(int value) {
            add(
                    ByteBuffer.allocate(Integer.BYTES)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .putInt(value)
                            .array(),
                    1);
        }

        /** Appends a row and returns its bytes. */
        byte[] addFloats(float[] values) {
            ByteBuffer row = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            row.asFloatBuffer().put(values);
            add(row.array(), 1);
            return row.array();
        }

        @Override
        public TensorType type() {
            return type;
        }

        @Override
        public Shape shape() {
            return new Shape(rows).addAll(new Shape(rowShape));
        }

        @Override
        public void sendTo(Sink sink) throws IOException {
            for (byte[] chunk : chunks) {
                sink.accept(ByteBuffer.wrap(chunk).order(ByteOrder.LITTLE_ENDIAN));
            }
        }
    }
}
