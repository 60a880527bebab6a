package io.github.maskalign.examples.emoji;

import ai.djl.Device;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.data.PreparedSamples;
import io.github.maskalign.core.data.Preparer;
import io.github.maskalign.core.data.Preparer.PreparePlan;
import io.github.maskalign.core.data.internal.PictureEncoder;
import io.github.maskalign.core.data.internal.PictureSet;
import io.github.maskalign.core.data.internal.PictureSet.LabelledPicture;
import io.github.maskalign.core.data.internal.PreparedStore;
import io.github.maskalign.core.data.internal.PreparedStore.PrepareException;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.data.internal.ShardIndex;
import io.github.maskalign.core.data.internal.ShardSet;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.encoders.vae.PatchAutoencoder;
import io.github.maskalign.sit.run.internal.AutoencoderPictures;
import io.github.maskalign.sit.run.internal.PrepareRun;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import javax.imageio.ImageIO;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The latents of a drawn set by the embedded autoencoder, and its tokens by the embedded teacher, computed once and kept
 * as a prepared set in a folder beside the drawings.
 *
 * <p>Every start compares the files with their hashes. What is damaged is made again, and everything is where drawings,
 * autoencoder or teacher are not those it was made from.
 */
final class EmojiLatents {
    private static final Logger LOG = LoggerFactory.getLogger(EmojiLatents.class);
    private static final int SHARD = 512;
    /** Side of the grid of tokens that are kept beside the latents. */
    static final int GRID = 8;

    private static final int BATCH = 64;

    private final EmojiSet set;
    private final boolean tokens;
    private final boolean images;
    private final Path folder;

    /**
     * Describes the latents of a set.
     *
     * @param cache the folder of the drawings
     * @param tokens whether the teacher's tokens are kept
     * @param images whether the drawings themselves are, for another encoder
     */
    EmojiLatents(EmojiSet set, Path cache, boolean tokens, boolean images) {
        this.set = set;
        this.tokens = tokens;
        this.images = images;
        String content = set.content() + (tokens ? " tokens" : "") + (images ? " images" : "");
        CRC32 crc = new CRC32();
        crc.update(content.getBytes(StandardCharsets.UTF_8));
        folder = cache.resolve(String.format(Locale.ROOT, "emoji-latents-%08x", crc.getValue()));
    }

    /** Returns a hash of what the latents are made from: the same on every machine, whatever their last bits. */
    String identity() throws IOException {
        return Digests.sha256(new TreeMap<>(settings()).toString());
    }

    /** Opens them, computing what is missing; the caller closes them. */
    PreparedSamples open(EmojiProgress progress) throws IOException {
        try {
            return make(progress);
        } catch (PrepareException | CheckpointFormatException e) {
            LOG.warn("Encoding the emoji again, as their latents cannot be used: {}", e.getMessage());
            delete();
            return make(progress);
        }
    }

    private PreparedSamples make(EmojiProgress progress) throws IOException {
        try (PictureEncoder encoder = encoder()) {
            PreparePlan plan = new PreparePlan(
                    set.config().size(), SHARD, BATCH, Runtime.getRuntime().availableProcessors());
            Preparer preparer = new Preparer(new Drawings(set), encoder, plan, PreparedStore.shards(folder));
            int[] computed = {0};
            preparer.run(0, 1, (done, made, total) -> {
                if (made > computed[0]) {
                    progress.drawn(done, total);
                }
                computed[0] = made;
            });
            if (computed[0] > 0 || !Files.exists(folder.resolve(ShardIndex.FILE))) {
                preparer.finish();
            }
        }
        return ShardSet.open(folder);
    }

    private PictureEncoder encoder() throws IOException {
        PatchAutoencoder autoencoder = PatchAutoencoder.embedded(Device.cpu());
        try {
            RepresentationEncoder teacher =
                    tokens ? Encoders.embeddedTeacher(GRID * GRID, set.config().size(), Device.cpu()) : null;
            PrepareRun.Storage storage = new PrepareRun.Storage(FloatCode.FLOAT16, FloatCode.FLOAT16, images);
            return new AutoencoderPictures(
                    autoencoder, teacher, Device.cpu(), set.config().size(), storage, settings());
        } catch (IOException | RuntimeException e) {
            autoencoder.close();
            throw e;
        }
    }

    private Map<String, String> settings() throws IOException {
        Map<String, String> out = new TreeMap<>();
        out.put("drawings", set.identity());
        out.put("vae", weights(PatchAutoencoder.embeddedProvenance()));
        out.put("encoder", tokens ? weights(Encoders.embeddedProvenance()) : "none");
        return out;
    }

    /** Returns the hash of the weights that a provenance tells of. */
    private static String weights(String provenance) {
        return JsonParser.parseString(provenance)
                .getAsJsonObject()
                .get("sha256")
                .getAsString();
    }

    private void delete() throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    /** The drawings as files. */
    private record Drawings(EmojiSet set) implements PictureSet {
        @Override
        public List<String> classes() {
            return set.labels();
        }

        @Override
        public int size() {
            return set.size();
        }

        @Override
        public LabelledPicture picture(int index) {
            EmojiEntry entry = set.entry(index);
            return new LabelledPicture(entry.set() + "/" + entry.name(), entry.label());
        }

        @Override
        public byte[] read(int index) throws IOException {
            int side = set.config().size();
            int plane = side * side;
            byte[] pixels = set.pixels(index);
            int[] rgb = new int[plane];
            for (int k = 0; k < plane; k++) {
                rgb[k] = (pixels[k] & 0xFF) << 16 | (pixels[plane + k] & 0xFF) << 8 | pixels[2 * plane + k] & 0xFF;
            }
            BufferedImage image = new BufferedImage(side, side, BufferedImage.TYPE_INT_RGB);
            image.setRGB(0, 0, side, side, rgb, 0, side);
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            ImageIO.write(image, "png", out);
            return out.toByteArray();
        }

        @Override
        public void close() {}
    }
}
