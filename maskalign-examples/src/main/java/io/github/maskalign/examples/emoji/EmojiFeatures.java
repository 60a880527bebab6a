package io.github.maskalign.examples.emoji;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.data.FeatureBasis;
import io.github.maskalign.core.data.internal.EpochOrder;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.encoders.Encoders;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The channels in which a model generates the embedded teacher's tokens of a drawn set beside its latents: a basis of the
 * tokens of some of the drawings, made once and kept beside them. A file that is damaged, or of other drawings or another
 * teacher, is made again.
 */
final class EmojiFeatures {
    private static final Logger LOG = LoggerFactory.getLogger(EmojiFeatures.class);
    private static final int MOST_PICTURES = 2048;
    private static final int BATCH = 64;

    private final EmojiSet set;
    private final Tokens tokens;
    private final int channels;
    private final Path file;

    /**
     * Which tokens of the teacher.
     *
     * @param grid tokens along a side
     * @param lastBlocks of how many blocks they are joined, the last ones
     */
    record Tokens(int grid, int lastBlocks) {
        @Override
        public String toString() {
            return "grid " + grid + (lastBlocks == 1 ? "" : " blocks " + lastBlocks);
        }
    }

    /**
     * Describes a basis.
     *
     * @param tokens what it is a basis of
     * @param channels channels of the basis
     * @param cache the folder of the drawings
     */
    EmojiFeatures(EmojiSet set, Tokens tokens, int channels, Path cache) {
        this.set = set;
        this.tokens = tokens;
        this.channels = channels;
        CRC32 crc = new CRC32();
        crc.update((set.content() + " " + tokens + " channels " + channels).getBytes(StandardCharsets.UTF_8));
        file = cache.resolve(String.format(Locale.ROOT, "emoji-features-%08x.safetensors", crc.getValue()));
    }

    /** Opens the basis, making it where it is missing. */
    FeatureBasis open() throws IOException {
        Map<String, String> facts = facts();
        if (Files.exists(file)) {
            try {
                FeatureBasis kept = FeatureBasis.read(file);
                if (kept.channels() == channels && kept.facts().entrySet().containsAll(facts.entrySet())) {
                    return kept;
                }
                LOG.warn("Making {} again, as it is of other drawings or another teacher", file);
            } catch (CheckpointFormatException e) {
                LOG.warn("Making the basis of the features again, as its file cannot be used: {}", e.getMessage());
            }
        }
        FeatureBasis made = made(facts);
        made.write(file);
        LOG.info(
                "a basis of {} channels keeps {} of the variance of the teacher's tokens",
                channels,
                made.facts().get("variance_kept"));
        return made;
    }

    /** Returns what the basis is made from: the same on every machine, whatever its last bits. */
    Map<String, String> facts() throws IOException {
        Map<String, String> facts = new TreeMap<>();
        facts.put("drawings", set.identity());
        facts.put(
                "encoder",
                JsonParser.parseString(Encoders.embeddedProvenance())
                        .getAsJsonObject()
                        .get("sha256")
                        .getAsString());
        facts.put("grid", Integer.toString(tokens.grid));
        if (tokens.lastBlocks > 1) {
            facts.put("blocks", Integer.toString(tokens.lastBlocks));
        }
        facts.put("pictures", Integer.toString(Math.min(MOST_PICTURES, set.size())));
        return facts;
    }

    private FeatureBasis made(Map<String, String> facts) throws IOException {
        int side = set.config().size();
        int values = 3 * side * side;
        int count = Math.min(MOST_PICTURES, set.size());
        EpochOrder order = new EpochOrder(new Draws(0), set.size());
        try (RepresentationEncoder teacher = Encoders.embeddedTeacher(tokens.grid * tokens.grid, side, Device.cpu())
                        .joined(tokens.lastBlocks);
                NDManager manager = NDManager.newBaseManager(Device.cpu());
                GradMode constants = GradMode.off()) {
            FeatureBasis.Fit fit = new FeatureBasis.Fit(teacher.width());
            for (int first = 0; first < count; first += BATCH) {
                int some = Math.min(BATCH, count - first);
                byte[] pixels = new byte[some * values];
                for (int i = 0; i < some; i++) {
                    set.copyInto(order.indexAt(first + i), pixels, i * values);
                }
                try (NDManager scratch = manager.newSubManager()) {
                    NDArray images = OwnedArrays.of(scratch, new Shape(some, 3, side, side), pixels);
                    fit.add(teacher.encode(images).patchTokens());
                }
            }
            return fit.basis(channels, facts);
        }
    }
}
