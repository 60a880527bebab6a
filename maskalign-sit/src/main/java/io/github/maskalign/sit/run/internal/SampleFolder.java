package io.github.maskalign.sit.run.internal;

import ai.djl.ndarray.types.Shape;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import com.google.gson.reflect.TypeToken;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.NpzWriter;
import io.github.maskalign.core.files.NpzWriter.RowStream;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureReader;
import io.github.maskalign.core.image.PictureWriter;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Many generated pictures in a folder, {@code 000000.png} to the last: each is written whole or not at all, so a run
 * that was killed goes on with those that are missing, and several processes can share the work.
 */
public final class SampleFolder {
    private static final Logger LOG = LoggerFactory.getLogger(SampleFolder.class);
    private static final String PROVENANCE = "provenance.json";
    private static final Gson GSON =
            new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();

    /** What folders of earlier versions do not say, since those versions had no choice. */
    private static final Map<String, String> EARLIER = Map.of("guided_channels", "all", "pixels", "TRUNCATE");

    private final Path folder;
    private final int count;

    private SampleFolder(Path folder, int count) {
        this.folder = folder;
        this.count = count;
    }

    /**
     * Opens or makes the folder.
     *
     * @param count number of pictures in the end
     * @param settings what the pictures depend on; stored in {@code provenance.json}
     * @throws CheckpointFormatException if the folder holds pictures made with other settings, or nobody knows how
     */
    public static SampleFolder open(Path folder, int count, Map<String, String> settings) throws IOException {
        Files.createDirectories(folder);
        Path file = folder.resolve(PROVENANCE);
        Map<String, String> sorted = new TreeMap<>(settings);
        if (Files.exists(file)) {
            Map<String, String> found = new HashMap<>(EARLIER);
            found.putAll(read(file));
            List<String> others = new ArrayList<>();
            sorted.forEach((key, value) -> {
                if (!value.equals(found.get(key))) {
                    others.add(key + " " + found.get(key) + " and not " + value);
                }
            });
            if (!others.isEmpty()) {
                throw new CheckpointFormatException(
                        folder, "it holds pictures made with " + String.join(", ", others) + "; choose another folder");
            }
        } else {
            refuseForeign(folder);
            AtomicFile.write(file, GSON.toJson(sorted) + "\n");
        }
        return new SampleFolder(folder, count);
    }

    /**
     * Deletes what a killed command left half written, unless another command is writing now. One process of this
     * command does so before any writes.
     *
     * @return tells other commands until it is closed that this one is writing
     */
    public Closeable clear() throws IOException {
        FileChannel channel = FileChannel.open(folder.resolve(PROVENANCE), StandardOpenOption.WRITE);
        try {
            if (channel.tryLock() != null) {
                AtomicFile.removeLeftovers(folder);
            }
        } catch (OverlappingFileLockException | IOException e) {
            LOG.warn("{} may hold temporary files of a killed command: {}", folder, e.toString());
        }
        return channel;
    }

    /** Pictures that something else made would count as done. */
    private static void refuseForeign(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            Optional<Path> picture = files.filter(
                            file -> String.valueOf(file.getFileName()).matches("\\d{6,}\\.png"))
                    .findAny();
            if (picture.isPresent()) {
                throw new CheckpointFormatException(
                        folder,
                        "it holds " + picture.get().getFileName() + " but no provenance.json that says how it was made;"
                                + " choose another folder");
            }
        }
    }

    private static Map<String, String> read(Path file) throws IOException {
        try {
            Map<String, String> found =
                    GSON.fromJson(new String(Files.readAllBytes(file), StandardCharsets.UTF_8), new TypeToken<>() {});
            return Objects.requireNonNull(found);
        } catch (JsonParseException | NullPointerException e) {
            throw new CheckpointFormatException(file, "it does not say how the pictures were made", e);
        }
    }

    /** Returns the number of pictures in the end. */
    public int count() {
        return count;
    }

    /** Whether all pictures {@code [first, last)} are there. */
    public boolean has(int first, int last) {
        for (int i = first; i < last; i++) {
            if (!Files.exists(file(i))) {
                return false;
            }
        }
        return true;
    }

    /** Writes pictures that begin with number {@code first}. */
    public void write(int first, Pictures pictures) throws IOException {
        int plane = pictures.height() * pictures.width();
        for (int i = 0; i < pictures.count(); i++) {
            byte[] interleaved = new byte[3 * plane];
            for (int c = 0; c < 3; c++) {
                for (int k = 0; k < plane; k++) {
                    interleaved[3 * k + c] = pictures.pixels()[(i * 3 + c) * plane + k];
                }
            }
            Picture picture = Picture.of(pictures.width(), pictures.height(), interleaved);
            PictureWriter.write(file(first + i), picture, PictureWriter.Packing.DEFLATED);
        }
    }

    /**
     * Writes all pictures as ADM's evaluator wants them: {@code arr_0} (N, H, W, 3), uint8, in the order of their numbers,
     * one at a time in memory.
     */
    public void writeNpz(Path npz) throws IOException {
        Picture first = PictureReader.read(file(0));
        Shape shape = new Shape(count, first.height(), first.width(), 3);
        int[] next = {0};
        RowStream rows = new RowStream(TensorType.U8, shape, sink -> {
            for (next[0] = 0; next[0] < count; next[0]++) {
                Picture picture = PictureReader.read(file(next[0]));
                if (picture.width() != first.width() || picture.height() != first.height()) {
                    throw new CheckpointFormatException(file(next[0]), "it has another size than the first picture");
                }
                sink.accept(ByteBuffer.wrap(picture.toInterleaved()));
            }
        });
        NpzWriter.write(npz, Map.of("arr_0", rows));
    }

    private Path file(int index) {
        return folder.resolve(String.format(Locale.ROOT, "%06d.png", index));
    }
}
