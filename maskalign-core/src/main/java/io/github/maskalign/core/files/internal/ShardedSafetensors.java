package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.internal.FileOperations.SystemFileOperations;
import io.github.maskalign.core.files.internal.TorchFile.Sections;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An open set of safetensors files that an index joins: {@code NAME.safetensors.index.json} with a {@code weight_map}
 * from tensor to file, as the Hugging Face libraries write it.
 *
 * <p>The index names files of its own folder, by plain names that end in {@code .safetensors}. It must name every tensor
 * of every file, and each where it is.
 */
public final class ShardedSafetensors implements Sections.Bare {
    private static final int MAX_INDEX_BYTES = SafetensorsHeader.DEFAULT_MAX_BYTES;
    private static final int MAX_SHARDS = 1_000;

    private final Path index;
    private final Map<String, String> metadata;
    private final Map<String, String> fileOf;
    private final Map<String, SafetensorsFile> shards = new LinkedHashMap<>();

    private ShardedSafetensors(Path index, Index content) {
        this.index = index;
        this.metadata = Map.copyOf(content.metadata);
        this.fileOf = content.fileOf;
    }

    /** Opens the index and all files it names. */
    public static ShardedSafetensors open(Path index) throws IOException {
        ShardedSafetensors shards = new ShardedSafetensors(index, Index.read(index));
        try {
            shards.openAll();
            return shards;
        } catch (IOException | RuntimeException | Error e) {
            shards.close();
            throw e;
        }
    }

    @Override
    public Path path() {
        return index;
    }

    /** Returns the texts, numbers and booleans of the index's {@code metadata}, as text. */
    @Override
    public Map<String, String> metadata() {
        return metadata;
    }

    /** Returns all tensors, in the order of the index; the files must be open when they are read. */
    @Override
    public StateDict stateDict() throws CheckpointFormatException {
        Map<String, TensorSource> tensors = new LinkedHashMap<>();
        for (Map.Entry<String, String> t : fileOf.entrySet()) {
            SafetensorsFile shard = shards.get(t.getValue());
            if (shard == null) {
                throw new IllegalStateException(t.getValue() + " is not open");
            }
            tensors.put(t.getKey(), shard.tensor(t.getKey()));
        }
        return new StateDict(index.toString(), tensors);
    }

    @Override
    public String format() {
        return "sharded safetensors";
    }

    @Override
    public void close() throws IOException {
        IOException failure = null;
        for (SafetensorsFile shard : shards.values()) {
            try {
                shard.close();
            } catch (IOException e) {
                failure = e;
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    private void openAll() throws IOException {
        Path folder = SystemFileOperations.parentOf(index);
        List<String> problems = new ArrayList<>();
        for (String name : fileOf.values()) {
            if (shards.containsKey(name)) {
                continue;
            }
            if (shards.size() == MAX_SHARDS) {
                throw new CheckpointFormatException(index, "the index must name at most " + MAX_SHARDS + " files");
            }
            Path file = folder.resolve(name);
            if (!Files.isRegularFile(file)) {
                throw new CheckpointFormatException(
                        index, "names " + StrictJson.quote(name) + " but there is no such file beside it");
            }
            SafetensorsFile shard = SafetensorsFile.open(file);
            shards.put(name, shard);
            for (String tensor : shard.tensors().keySet()) {
                if (!name.equals(fileOf.get(tensor))) {
                    problems.add(StrictJson.quote(tensor) + " is in " + name + " but the index puts it in "
                            + fileOf.getOrDefault(tensor, "no file"));
                }
            }
        }
        fileOf.forEach((tensor, name) -> {
            SafetensorsFile shard = shards.get(name);
            if (shard != null && !shard.tensors().containsKey(tensor)) {
                problems.add(StrictJson.quote(tensor) + " is not in " + name);
            }
        });
        if (!problems.isEmpty()) {
            throw new CheckpointFormatException(index.toString(), problems);
        }
    }

    /** The text of an index file. */
    private static final class Index {
        private final Map<String, String> metadata = new LinkedHashMap<>();
        private @Nullable Map<String, String> weightMap;
        private Map<String, String> fileOf = Map.of();

        static Index read(Path path) throws IOException {
            Index index = new Index();
            StrictJson.readObject(
                    path,
                    bytes(path),
                    "the index",
                    json -> json.object("the index", 100, key -> index.field(json, key)));
            Map<String, String> map = index.weightMap;
            if (map == null) {
                throw new CheckpointFormatException(path, "an index of safetensors files must have a weight_map");
            }
            index.fileOf = map;
            return index;
        }

        private void field(StrictJson json, String key) throws IOException {
            switch (key) {
                case "weight_map" -> weightMap = weightMap(json);
                case "metadata" ->
                    json.object(
                            key, 1_000, name -> metadata.put(name, json.scalar("metadata " + StrictJson.quote(name))));
                default ->
                    throw json.problem("the index has the unknown field " + StrictJson.quote(key)
                            + "; allowed are metadata and weight_map");
            }
        }

        private static Map<String, String> weightMap(StrictJson json) throws IOException {
            Map<String, String> map = json.strings("weight_map", SafetensorsHeader.MAX_TENSORS);
            for (Map.Entry<String, String> t : map.entrySet()) {
                String name = t.getValue();
                boolean plain = name.length() <= 255 // also keeps out .. and folders of any system
                        && name.endsWith(".safetensors")
                        && name.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || Character.isISOControl(c));
                if (!plain) {
                    throw json.problem("weight_map " + StrictJson.quote(t.getKey())
                            + " must name a .safetensors file of the index's folder, without any folder, but was "
                            + StrictJson.quote(name));
                }
            }
            return map;
        }

        private static ByteBuffer bytes(Path path) throws IOException {
            try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
                if (channel.size() > MAX_INDEX_BYTES) {
                    throw new CheckpointFormatException(
                            path, "an index must have at most " + MAX_INDEX_BYTES + " bytes but has " + channel.size());
                }
                ByteBuffer bytes = ByteBuffer.allocate((int) channel.size());
                while (bytes.hasRemaining() && channel.read(bytes) >= 0) {
                    // until the end of the file
                }
                return bytes.flip();
            }
        }
    }
}
