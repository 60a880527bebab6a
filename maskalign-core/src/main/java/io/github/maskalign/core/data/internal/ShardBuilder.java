package io.github.maskalign.core.data.internal;

import ai.djl.ndarray.types.Shape;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import io.github.maskalign.core.data.internal.PreparedStore.PrepareException;
import io.github.maskalign.core.data.internal.PreparedStore.PreparedSample;
import io.github.maskalign.core.data.internal.PreparedStore.SkippedPicture;
import io.github.maskalign.core.data.internal.PreparedStore.TokenError;
import io.github.maskalign.core.data.internal.SampleChecks.TokenChecks;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.data.internal.Shard.SamplePart;
import io.github.maskalign.core.data.internal.ShardIndex.Column;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.SafetensorsWriter.WrittenFile;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Collects samples and writes them as one shard: a safetensors file with a row for each sample.
 *
 * <p>Tensors: {@code label} (n) I32; {@code name} U8 and {@code name.end} (n) I64; {@code moments} (n, 2C, H, W), mean
 * before standard deviation; {@code image} (n, 3, side, side) U8; {@code tokens} (n, 1+T, Z), for I8 with
 * {@code tokens.scale} (n, 1+T). Their CRC-32C: {@code moments.crc32c} and {@code image.crc32c} (n) U32 of a sample's
 * bytes in them, {@code tokens.crc32c} (n, 1+T) U32 of a token's bytes and those of its scale, so that some tokens can be
 * read without the others. The samples are in memory until the shard is written.
 */
public final class ShardBuilder {
    static final String LABEL = "label";
    static final String NAME = "name";
    static final String MOMENTS = "moments";
    static final String IMAGE = "image";
    static final String TOKENS = "tokens";
    static final String SCALE = "tokens.scale";

    private final SampleLayout layout;
    private final List<String> names = new ArrayList<>();
    private final Column labels = new Column(TensorType.I32);
    private final Column moments;
    private final Column images;
    private final Column tokens;
    private final Column scales;
    private final Map<SamplePart, Column> checksums = new EnumMap<>(SamplePart.class);
    private TokenError tokenError = TokenError.NONE;

    /** Starts an empty shard. */
    public ShardBuilder(SampleLayout layout) {
        this.layout = layout;
        moments = new Column(layout.moments().type(), 2L * layout.channels(), layout.side(), layout.side());
        images = new Column(TensorType.U8, 3, layout.imageSide(), layout.imageSide());
        tokens = new Column(layout.tokenCode().type(), layout.tokens(), layout.tokenWidth());
        scales = new Column(TensorType.F32, layout.tokens());
        SamplePart.of(layout)
                .forEach(part -> checksums.put(
                        part,
                        part == SamplePart.TOKENS
                                ? new Column(TensorType.U32, layout.tokens())
                                : new Column(TensorType.U32)));
    }

    /**
     * Adds a sample.
     *
     * @throws IllegalArgumentException if it does not fit the layout or has numbers that cannot be stored; the shard
     *     is as before
     */
    public void add(PreparedSample sample) {
        sample.requireFits(layout);
        ByteBuffer latent = row(layout.moments(), layout.momentValues());
        layout.moments().encode(sample.moments(), latent);
        float[] features = sample.tokens();
        if (features != null) {
            addTokens(features);
        }
        byte[] image = sample.image();
        if (image != null) {
            images.add(image, 1);
            note(SamplePart.IMAGE, ByteBuffer.wrap(image));
        }
        names.add(sample.name());
        labels.addInt(sample.label());
        moments.add(latent.array(), 1);
        note(SamplePart.MOMENTS, ByteBuffer.wrap(latent.array()));
    }

    private void note(SamplePart part, ByteBuffer bytes) {
        Objects.requireNonNull(checksums.get(part)).addInt(SampleChecks.crc(bytes));
    }

    private void addTokens(float[] features) {
        int width = layout.tokenWidth();
        ByteBuffer row = row(layout.tokenCode(), features.length);
        float[] scale = new float[layout.tokens()];
        for (int t = 0; t < scale.length; t++) {
            scale[t] = layout.tokenCode().encode(Arrays.copyOfRange(features, t * width, (t + 1) * width), row);
        }
        tokens.add(row.array(), 1);
        byte[] scaleBytes = scales.addFloats(scale);
        ByteBuffer sums = TokenChecks.of(layout, ByteBuffer.wrap(row.array()), ByteBuffer.wrap(scaleBytes));
        Objects.requireNonNull(checksums.get(SamplePart.TOKENS)).add(sums.array(), 1);
        float[] stored = new float[features.length];
        row.flip();
        for (int t = 0; t < scale.length; t++) {
            layout.tokenCode().decode(row, scale[t], stored, t * width, width);
        }
        tokenError = tokenError.plus(TokenError.of(features, stored, width));
    }

    /** Returns what storing the tokens has changed so far. */
    public TokenError tokenError() {
        return tokenError;
    }

    /** Returns the number of samples so far. */
    public int size() {
        return names.size();
    }

    /**
     * Writes the shard in one step.
     *
     * @param metadata texts to store with it
     */
    public WrittenFile write(Path file, Map<String, String> metadata) throws IOException {
        Map<String, TensorSource> tensors = new LinkedHashMap<>(Names.tensors(NAME, names));
        tensors.put(LABEL, labels);
        tensors.put(MOMENTS, moments);
        if (layout.imageSide() > 0) {
            tensors.put(IMAGE, images);
        }
        if (layout.tokens() > 0) {
            tensors.put(TOKENS, tokens);
            if (layout.tokenCode() == FloatCode.INT8_PER_ROW) {
                tensors.put(SCALE, scales);
            }
        }
        checksums.forEach((part, sums) -> tensors.put(part.checksums(), sums));
        return SafetensorsWriter.write(file, StateDict.ofTensors(tensors), metadata);
    }

    private static ByteBuffer row(FloatCode code, int values) {
        return ByteBuffer.allocate(code.bytes(values)).order(ByteOrder.LITTLE_ENDIAN);
    }

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
            tokenError =
                    Objects.requireNonNullElse(tokenError, TokenError.NONE); // records of earlier versions have none
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
        public static Optional<ShardRecord> read(Path folder, int shard, Map<String, String> settings)
                throws IOException {
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

    /** Texts as two tensors: all their UTF-8 bytes, and where each ends. Read without making a Java string of each. */
    static final class Names {
        private final ByteBuffer bytes;
        private final long[] ends;

        private Names(ByteBuffer bytes, long[] ends) {
            this.bytes = bytes;
            this.ends = ends;
        }

        static Map<String, TensorSource> tensors(String key, List<String> names) {
            ByteArrayOutputStream text = new ByteArrayOutputStream();
            long[] ends = new long[names.size()];
            for (int i = 0; i < ends.length; i++) {
                text.writeBytes(names.get(i).getBytes(StandardCharsets.UTF_8));
                ends[i] = text.size();
            }
            Column bytes = new Column(TensorType.U8);
            bytes.add(text.toByteArray(), text.size());
            return Map.of(key, bytes, endsOf(key), TensorSource.of(new Shape(ends.length), ends));
        }

        static Names read(SafetensorsFile file, String key, int count) throws IOException {
            long[] ends = file.longs(endsOf(key));
            ByteBuffer bytes = file.data(key);
            boolean rising = ends.length == count;
            for (int i = 0; rising && i < count; i++) {
                rising = ends[i] >= (i == 0 ? 0 : ends[i - 1]);
            }
            if (!rising || (count > 0 && ends[count - 1] != bytes.remaining())) {
                throw new CheckpointFormatException(
                        file.path(),
                        "the ends of the texts of " + key + " do not rise from 0 to " + bytes.remaining() + " in "
                                + count + " steps");
            }
            return new Names(bytes, ends);
        }

        static String endsOf(String key) {
            return key + ".end";
        }

        int size() {
            return ends.length;
        }

        String get(int index) {
            int begin = (int) (index == 0 ? 0 : ends[index - 1]);
            byte[] text = new byte[(int) ends[index] - begin];
            bytes.get(begin, text);
            return new String(text, StandardCharsets.UTF_8);
        }
    }
}
