package io.github.maskalign.examples.emoji;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.examples.emoji.EmojiCacheFile.Index;
import io.github.maskalign.examples.emoji.EmojiCacheFile.MappedPictures;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import java.util.zip.CRC32;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Labelled RGB pictures of emoji by several artists, {@code size} × {@code size} pixels on one colour.
 *
 * <p>The first {@link #open} draws all pictures from the vector sets on the class path and keeps them in one file of
 * the cache folder; later ones map that file. A file that is damaged, or was drawn by another version, is drawn again.
 * Entries are in the order of the config's sets, then of names: an index means the same picture on every machine.
 *
 * <p>Immutable; safe for use by several threads. The pictures are mapped, not on the heap.
 */
public final class EmojiSet {
    private static final Logger LOG = LoggerFactory.getLogger(EmojiSet.class);
    /** To be raised when the same vector sets give other pictures, concepts or labels. */
    private static final int DRAWING_VERSION = 2;

    private final EmojiConfig config;
    private final String content;
    private final MappedPictures pictures;

    private EmojiSet(EmojiConfig config, String content, MappedPictures pictures) {
        this.config = config;
        this.content = content;
        this.pictures = pictures;
    }

    /**
     * Opens a set, drawing it first where the cache folder does not hold it.
     *
     * @param cacheFolder made if it does not exist
     * @param progress told while drawing; not called when nothing has to be drawn
     * @throws IOException if the cache folder cannot be read or written
     * @throws IllegalStateException if the vector sets are not on the class path
     */
    public static EmojiSet open(EmojiConfig config, Path cacheFolder, EmojiProgress progress) throws IOException {
        return open(config, cacheFolder, progress, Integer.MAX_VALUE, () -> EmojiSelection.read(config));
    }

    /** As {@link #open(EmojiConfig, Path, EmojiProgress)}, from sets that are read when needed, with at most a number of drawings of each. */
    static EmojiSet open(
            EmojiConfig config,
            Path cacheFolder,
            EmojiProgress progress,
            int limitPerSet,
            Supplier<Map<String, IconCollection>> sets)
            throws IOException {
        String content = String.join(",", config.sets()) + " " + config.size() + "px"
                + (config.skinTones() ? " skin-tones" : "")
                + (config.flags() ? " flags" : "")
                + (config.groups().isEmpty() ? "" : " classes " + EmojiGroup.ids(config.groups()))
                + (config.background() == EmojiConfig.WHITE
                        ? ""
                        : String.format(Locale.ROOT, " on #%06x", config.background()))
                + (limitPerSet == Integer.MAX_VALUE ? "" : " limit " + limitPerSet);
        String key = content + ", icons " + IconCollection.VERSION + ", drawing " + DRAWING_VERSION;
        try {
            Files.createDirectories(cacheFolder);
        } catch (IOException e) {
            throw new FileSystemException(
                    cacheFolder.toString(),
                    null,
                    "the cache folder cannot be made; name another with data.cache or MASKALIGN_CACHE");
        }
        Path file = cacheFolder.resolve(fileName(content, config.size()));
        if (Files.exists(file)) {
            try {
                return new EmojiSet(config, content, EmojiCacheFile.open(file, config.size(), key));
            } catch (CheckpointFormatException e) {
                LOG.warn("Drawing the emoji again, as their file cannot be used: {}", e.getMessage());
            }
        }
        draw(config, key, file, progress, EmojiSelection.of(config, limitPerSet, sets.get()));
        return new EmojiSet(config, content, EmojiCacheFile.open(file, config.size(), key));
    }

    /** Returns what the pictures are, by whatever version they were drawn. */
    String content() {
        return content;
    }

    /** Returns what they were drawn from and by; another text means other pictures. */
    String identity() {
        return pictures.index().key();
    }

    /** Returns the number of pictures. */
    public int size() {
        return pictures.index().entries().size();
    }

    /** Returns the config the set was opened with. */
    public EmojiConfig config() {
        return config;
    }

    /** Returns what picture {@code i} is, {@code i} in [0, size). */
    public EmojiEntry entry(int i) {
        return pictures.index().entries().get(i);
    }

    /** Returns all entries, in the order of the pictures. */
    public List<EmojiEntry> entries() {
        return pictures.index().entries();
    }

    /**
     * Returns the names of the labels, in their order: smileys, people, animals, food, travel, activities, objects,
     * symbols, and flags if the config includes them; or of the config's groups. They do not depend on the sets in use.
     */
    public List<String> labels() {
        if (!config.groups().isEmpty()) {
            return EmojiGroup.ids(config.groups());
        }
        List<String> ids = EmojiCategory.ids();
        return config.flags() ? ids : ids.subList(0, EmojiCategory.FLAGS.ordinal());
    }

    /**
     * Returns the drawings that gave no picture and are left out, as {@code set:name}: those that cannot be drawn, and
     * those that cannot be told from the background.
     */
    public List<String> broken() {
        return pictures.index().broken();
    }

    /** Returns a fresh array of picture {@code i}: bytes (3, S, S), red first, unsigned. */
    public byte[] pixels(int i) {
        byte[] bytes = new byte[pictureBytes()];
        copyInto(i, bytes, 0);
        return bytes;
    }

    /** Copies the bytes (3, S, S) of picture {@code i} into {@code target}, from {@code offset}. */
    public void copyInto(int i, byte[] target, int offset) {
        pictures.copyInto(i, target, offset);
    }

    /** Returns the number of bytes of one picture, 3·S². */
    public int pictureBytes() {
        return 3 * config.size() * config.size();
    }

    /** Returns a text that credits the artists and names their licences; ship it with what is made from the set. */
    public String attribution() {
        return Attribution.text(pictures.index().credits());
    }

    private static void draw(
            EmojiConfig config, String key, Path file, EmojiProgress progress, EmojiSelection selection)
            throws IOException {
        EmojiCacheFile.write(file, config.size(), out -> {
            EmojiDrawing drawing = new EmojiDrawing(selection, config, progress);
            drawing.writeTo(out);
            List<String> broken = drawing.broken();
            if (!broken.isEmpty()) {
                int all = selection.entries().size();
                LOG.info("{} of {} emoji give no picture and are left out: {}", broken.size(), all, broken);
            }
            return new Index(key, config.size(), drawing.drawn(), selection.credits(), broken);
        });
    }

    /** The name says what is inside but not by which version it was drawn, so that a new version replaces the file. */
    private static String fileName(String content, int size) {
        CRC32 crc = new CRC32();
        crc.update(content.getBytes(StandardCharsets.UTF_8));
        return String.format(Locale.ROOT, "emoji-%dpx-%08x.safetensors", size, crc.getValue());
    }

    /** The text that credits the artists of pictures drawn from their sets, as their licences ask. */
    static final class Attribution {
        private Attribution() {}

        static String text(List<SetInfo> credits) {
            StringBuilder out = new StringBuilder(
                    "These pictures are, or were made by a model trained on, drawings of emoji by these"
                            + " artists.\nThe drawings were turned into pixels on a plain background; nothing else was changed.\n");
            for (SetInfo set : credits) {
                out.append('\n')
                        .append(set.title())
                        .append(" (")
                        .append(set.set())
                        .append(")\n");
                line(out, "by", set.author(), set.authorUrl());
                line(out, "licence", set.licence(), set.licenceUrl());
            }
            return out.toString();
        }

        private static void line(StringBuilder out, String what, String name, String url) {
            out.append("  ").append(what).append(": ").append(name);
            if (!url.isEmpty()) {
                out.append(", ").append(url);
            }
            out.append('\n');
        }
    }
}
