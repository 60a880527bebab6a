package io.github.maskalign.core.data.internal;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import io.github.maskalign.core.data.internal.PictureSet.PictureSetException;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.files.internal.MessageText;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The pictures of a set, cropped to one side by {@link io.github.maskalign.core.image.Resampler.CentreCrop} and kept in a
 * file of a cache folder: they are decoded once. The file is made again when the set changes, by its names, labels, sizes
 * and times, or when it is damaged; it is written whole or not at all. Pictures that cannot be decoded are left out.
 *
 * <p>Several threads may read at once.
 */
public final class CroppedPictures {
    private static final Logger LOG = LoggerFactory.getLogger(CroppedPictures.class);

    /** To be raised when the same files give other pixels or labels. */
    private static final String CROP = "adm crop, version 1";

    private final Index index;
    private final PackedPictures pictures;

    /**
     * What the file says of its pictures.
     *
     * @param key what they were made of
     * @param content hash of classes, labels and pixels
     * @param classes names of the classes, by label
     * @param labels one for each picture
     * @param skipped what could not be decoded, and why
     */
    private record Index(String key, String content, List<String> classes, int[] labels, List<String> skipped) {}

    /** Told while pictures are decoded. */
    @FunctionalInterface
    public interface Listener {
        /** {@code done} of {@code total} pictures are decoded. */
        void onPicture(int done, int total);
    }

    private CroppedPictures(Index index, PackedPictures pictures) {
        this.index = index;
        this.pictures = pictures;
    }

    /**
     * Opens the pictures, decoding them first where the cache folder does not hold them.
     *
     * @param source where the set is
     * @param set the set; left open
     * @param side side of the crop in pixels, at least 1
     * @param cache folder of the file; made if it does not exist
     * @param listener told of each picture that is decoded; not called when none has to be
     * @throws IOException if a file or the folder cannot be used
     */
    public static CroppedPictures open(Path source, PictureSet set, int side, Path cache, Listener listener)
            throws IOException {
        try {
            AtomicFile.createFolders(cache);
        } catch (IOException e) {
            throw new FileSystemException(
                    cache.toString(),
                    null,
                    "the cache folder cannot be made; name another with data.cache or MASKALIGN_CACHE");
        }
        String place = source.toAbsolutePath().normalize().toString();
        Path file = cache.resolve(String.format(
                Locale.ROOT,
                "pictures-%dpx-%s.safetensors",
                side,
                Digests.sha256(place).substring(0, 16)));
        String key = Digests.sha256(CROP + "\n" + side + "\n" + listing(source, set));
        if (Files.exists(file)) {
            try {
                return read(file, side, key);
            } catch (CheckpointFormatException e) {
                LOG.warn("decoding the pictures of {} again: {}", source, e.getMessage());
            }
        }
        PackedPictures.write(file, side, out -> new Gson().toJson(decode(set, side, key, out, listener)));
        return read(file, side, key);
    }

    private static CroppedPictures read(Path file, int side, String key) throws IOException {
        PackedPictures pictures = PackedPictures.open(file, side);
        Index index;
        try {
            index = new Gson().fromJson(pictures.index(), Index.class);
        } catch (JsonParseException e) {
            throw new CheckpointFormatException(file, "its index cannot be read: " + e.getMessage(), e);
        }
        if (index == null || index.labels() == null || index.labels().length != pictures.size()) {
            throw new CheckpointFormatException(file, "its index does not fit its pictures");
        }
        if (!key.equals(index.key())) {
            throw new CheckpointFormatException(file, "files were added, removed or changed since it was made");
        }
        return new CroppedPictures(index, pictures);
    }

    private static String listing(Path source, PictureSet set) throws IOException {
        StringBuilder text = new StringBuilder(Digests.listing(source));
        set.classes().forEach(name -> text.append('\n').append(name));
        for (int i = 0; i < set.size(); i++) {
            text.append('\n')
                    .append(set.picture(i).label())
                    .append(' ')
                    .append(set.picture(i).name());
        }
        return text.toString();
    }

    private static Index decode(PictureSet set, int side, String key, WritableByteChannel out, Listener listener)
            throws IOException {
        Digests content = new Digests();
        set.classes().forEach(name -> content.file(text(name + "\n")));
        List<Integer> labels = new ArrayList<>();
        List<String> skipped = new ArrayList<>();
        int threads = Runtime.getRuntime().availableProcessors();
        try (Decoder decoder = new Decoder(set, side, threads)) {
            decoder.begin(0, set.size());
            while (decoder.hasNext()) {
                Decoder.Decoded decoded = decoder.next();
                int label = set.picture(decoded.index()).label();
                if (decoded instanceof Decoder.Cropped cropped) {
                    content.file(text(label + "\n"));
                    content.file(ByteBuffer.wrap(cropped.pixels()));
                    labels.add(label);
                    for (ByteBuffer bytes = ByteBuffer.wrap(cropped.pixels()); bytes.hasRemaining(); ) {
                        out.write(bytes);
                    }
                } else if (decoded instanceof Decoder.Broken broken) {
                    skipped.add(set.picture(broken.index()).name() + ": " + broken.reason());
                }
                listener.onPicture(decoded.index() + 1, set.size());
            }
        }
        return new Index(
                key,
                content.sha256(),
                set.classes(),
                labels.stream().mapToInt(Integer::intValue).toArray(),
                skipped);
    }

    private static ByteBuffer text(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Returns how many pictures each class has.
     *
     * @throws PictureSetException if a class has none
     */
    public int[] counts(Path source) throws PictureSetException {
        int[] counts = new int[index.classes().size()];
        for (int label : index.labels()) {
            counts[label]++;
        }
        for (int label = 0; label < counts.length; label++) {
            if (counts[label] == 0) {
                throw new PictureSetException(
                        source,
                        "the class " + MessageText.quote(index.classes().get(label))
                                + " has no picture that can be read"
                                + (index.skipped().isEmpty()
                                        ? ""
                                        : "; " + index.skipped().get(0)));
            }
        }
        return counts;
    }

    /** Returns the number of pictures. */
    public int size() {
        return pictures.size();
    }

    /** Returns the names of the classes, by label. */
    public List<String> classes() {
        return List.copyOf(index.classes());
    }

    /** Returns the label of each picture. */
    public int[] labels() {
        return index.labels().clone();
    }

    /** Returns what could not be decoded, each as {@code name: reason}. */
    public List<String> skipped() {
        return List.copyOf(index.skipped());
    }

    /** Returns a hash of classes, labels and pixels; it does not depend on where the set lies. */
    public String identity() {
        return index.content();
    }

    /** Copies the bytes (3, S, S) of picture {@code i} to {@code target}, from {@code offset}. */
    public void copyInto(int i, byte[] target, int offset) {
        pictures.copyInto(i, target, offset);
    }
}
