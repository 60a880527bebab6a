package io.github.maskalign.core.data.internal;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import io.github.maskalign.core.data.internal.PreparedStore.SkippedPicture;
import io.github.maskalign.core.data.internal.PreparedStore.TokenError;
import io.github.maskalign.core.files.AtomicFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What became of the pictures of one shard: {@code shard-00000.json} beside it, written after it. A shard without its
 * record is made again.
 *
 * @param size samples in the shard
 * @param bytes size of its file
 * @param sha256 hash of its file
 * @param tokenError what storing encoder tokens has changed
 * @param settings how it was made
 * @param skipped pictures left out
 */
public record ShardRecord(
        int size,
        long bytes,
        String sha256,
        TokenError tokenError,
        Map<String, String> settings,
        List<SkippedPicture> skipped) {
    private static final Gson GSON = new GsonBuilder().setPrettyPrinting().create();

    public ShardRecord {
        tokenError = Objects.requireNonNullElse(tokenError, TokenError.NONE); // records of earlier versions have none
        settings = new TreeMap<>(settings);
        skipped = List.copyOf(skipped);
    }

    static Path file(Path folder, int shard) {
        return folder.resolve(String.format(Locale.ROOT, "shard-%05d.json", shard));
    }

    public void write(Path folder, int shard) throws IOException {
        AtomicFile.write(file(folder, shard), GSON.toJson(this) + "\n");
    }

    /**
     * Returns the record of a shard; empty if there is none.
     *
     * @throws PrepareException if it was made with other settings
     */
    public static Optional<ShardRecord> read(Path folder, int shard, Map<String, String> settings) throws IOException {
        Path file = file(folder, shard);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        ShardRecord found;
        try {
            found = GSON.fromJson(new String(Files.readAllBytes(file), StandardCharsets.UTF_8), ShardRecord.class);
            Objects.requireNonNull(found);
        } catch (JsonParseException | NullPointerException e) {
            throw new PrepareException(file + ": it is no record of a shard; delete it to make the shard again", e);
        }
        if (!found.settings().equals(settings)) {
            throw new PrepareException(
                    folder + " holds a set that was prepared differently; use another folder, or delete" + " it. "
                            + difference(found.settings(), settings));
        }
        return Optional.of(found);
    }

    private static String difference(Map<String, String> found, Map<String, String> wanted) {
        Map<String, String> keys = new TreeMap<>(found);
        keys.putAll(wanted);
        StringBuilder text = new StringBuilder();
        for (String key : keys.keySet()) {
            if (!Objects.equals(found.get(key), wanted.get(key))) {
                text.append(key + " was " + found.get(key) + " and is now " + wanted.get(key) + ". ");
            }
        }
        return text.toString().strip();
    }
}
