package io.github.maskalign.examples.prepare;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.encoders.vae.NativeAutoencoder;
import io.github.maskalign.encoders.vae.VaeConfig;
import io.github.maskalign.encoders.vit.Vit;
import io.github.maskalign.encoders.vit.VitConfig;
import io.github.maskalign.examples.emoji.EmojiSet;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;

/**
 * A miniature of ImageNet's training archive drawn from emoji, with the oddities of the real one, and a small autoencoder
 * and a small DINOv2 of the real architectures with random weights. Everything that ImageNet goes through can be tried
 * with it; the latents mean nothing.
 */
public final class MiniIlsvrc {
    /** Name of the archive. */
    public static final String ARCHIVE = "ILSVRC2012_img_train.tar";

    private static final VaeConfig VAE = new VaeConfig(4, List.of(8, 8, 16, 16), 1, 4, true, true, 0.18215);
    private static final VitConfig DINO = new VitConfig(56, 14, 48, 2, 3);

    private MiniIlsvrc() {}

    /**
     * Writes the archive, {@code vae/} and {@code dinov2.safetensors}.
     *
     * @param emoji pictures, at any size
     * @param perClass pictures of each class, at least 1
     * @param out folder; made if it does not exist
     */
    public static void write(EmojiSet emoji, int perClass, Path out) throws IOException {
        Files.createDirectories(out.resolve("vae"));
        AtomicFile.write(out.resolve(ARCHIVE), archive(emoji, perClass));
        AtomicFile.write(out.resolve("ATTRIBUTION.txt"), emoji.attribution());
        try (NativeAutoencoder vae = NativeAutoencoder.untrained(VAE, Device.cpu(), Precision.FLOAT32)) {
            vae.save(out.resolve("vae"));
        }
        try (NDManager manager = NDManager.newBaseManager(Device.cpu())) {
            Vit dino = new Vit(DINO, Precision.FLOAT32);
            dino.initialize(manager, DataType.FLOAT32, new Shape(1, 3, DINO.imageSize(), DINO.imageSize()));
            SafetensorsWriter.write(
                    out.resolve("dinov2.safetensors"), StateDict.of(Weights.of(dino)), Map.of("format", "pt"));
        }
    }

    private static byte[] archive(EmojiSet emoji, int perClass) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        OddPictures odd = new OddPictures(emoji.config().size());
        try (TarArchiveOutputStream outer = new TarArchiveOutputStream(bytes)) {
            for (int label = 0; label < emoji.labels().size(); label++) {
                String synset = String.format(Locale.ROOT, "n%08d", 1_440_764 + 3 * label);
                add(outer, synset + ".tar", inner(emoji, label, perClass, synset, odd));
            }
        }
        return bytes.toByteArray();
    }

    private static byte[] inner(EmojiSet emoji, int label, int perClass, String synset, OddPictures odd)
            throws IOException {
        List<Integer> chosen = new ArrayList<>();
        for (int i = 0; i < emoji.size() && chosen.size() < perClass; i++) {
            if (emoji.entry(i).label() == label) {
                chosen.add(i);
            }
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (TarArchiveOutputStream tar = new TarArchiveOutputStream(bytes)) {
            for (int k = 0; k < chosen.size(); k++) {
                byte[] file = odd.encode(emoji.pixels(chosen.get(k)), label * perClass + k);
                add(tar, synset + "_" + (10 + k) + ".JPEG", file);
            }
        }
        return bytes.toByteArray();
    }

    private static void add(TarArchiveOutputStream tar, String name, byte[] content) throws IOException {
        TarArchiveEntry entry = new TarArchiveEntry(name);
        entry.setSize(content.length);
        entry.setModTime(0);
        tar.putArchiveEntry(entry);
        tar.write(content);
        tar.closeArchiveEntry();
    }
}
