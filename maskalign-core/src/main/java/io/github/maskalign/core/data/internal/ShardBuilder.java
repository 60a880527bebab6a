package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.data.internal.PreparedStore.PreparedSample;
import io.github.maskalign.core.data.internal.PreparedStore.TokenError;
import io.github.maskalign.core.data.internal.Shard.SamplePart;
import io.github.maskalign.core.data.internal.ShardIndex.Column;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.SafetensorsWriter.WrittenFile;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

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
}
