package io.github.maskalign.core.data.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.PreparedSamples;
import io.github.maskalign.core.data.internal.PictureSet.PictureSetException;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.files.internal.MessageText;
import io.github.maskalign.core.files.internal.NpyFile;
import io.github.maskalign.core.files.internal.StrictJson;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureFormatException;
import io.github.maskalign.core.image.PictureReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A set in REPA's layout, see {@link RepaFolders}.
 *
 * <p>REPA pairs pictures and latents by their rank in the sorted lists of files, so that one missing file gives every
 * picture after it the latent of another. Here they are paired by the index in their names, and a picture without
 * latent, a latent without picture, or either without a label is an error. Labels are those of the latents. A set
 * without a folder of pictures serves where none are asked for.
 *
 * <p>Opening lists the folders and reads the first sample; every other file is checked when it is read.
 */
public final class RepaSet implements PreparedSamples {
    private static final Logger LOG = LoggerFactory.getLogger(RepaSet.class);
    private static final int MOST_NAMED = 3;

    private final RepaFolders folders;
    private final int[] indices;
    private final int[] labels;
    private final int classes;
    private final SampleLayout layout;
    private final String identity;

    private RepaSet(RepaFolders folders, int[] indices, int[] labels, SampleLayout layout) {
        this.folders = folders;
        this.indices = indices;
        this.labels = labels;
        this.layout = layout;
        int most = 0;
        for (int label : labels) {
            most = Math.max(most, label);
        }
        classes = most + 1;
        identity = identity(indices, labels, layout);
    }

    /** Tells whether a folder holds such a set. */
    public static boolean isAt(RepaFolders folders) {
        return Files.exists(folders.labels());
    }

    /**
     * Opens a set.
     *
     * @throws NoSuchFileException if there is no label file of latents
     * @throws CheckpointFormatException if files lack a partner or a label, or the label file or the first sample is
     *     damaged; names some of them
     */
    public static RepaSet open(RepaFolders folders) throws IOException {
        if (!isAt(folders)) {
            throw new NoSuchFileException(
                    folders.labels().toString(), null, "no label file, so no prepared set in REPA's layout");
        }
        Map<Integer, Integer> labelled = labels(folders.labels());
        BitSet latents = indices(folders.latentFolder(), RepaFolders::latentIndex, "img-mean-std-00000000.npy");
        requireEqual(folders.labels(), labelled.keySet(), folders.latentFolder(), latents);
        boolean images = Files.isDirectory(folders.imageFolder());
        if (images) {
            BitSet pictures = indices(folders.imageFolder(), RepaFolders::imageIndex, "img00000000.png");
            requireEqual(folders.latentFolder(), latents.stream().boxed().toList(), folders.imageFolder(), pictures);
        }
        int[] indices = labelled.keySet().stream().mapToInt(i -> i).toArray();
        int[] labels = labelled.values().stream().mapToInt(i -> i).toArray();
        return new RepaSet(folders, indices, labels, layout(folders, indices[0], images));
    }

    private static Map<Integer, Integer> labels(Path file) throws IOException {
        Map<Integer, Integer> out = new TreeMap<>();
        Map<String, Integer> named;
        try {
            named = LabelFile.read(file).labels();
        } catch (PictureSetException e) {
            throw new CheckpointFormatException(file, e.problem(), e);
        }
        for (Map.Entry<String, Integer> entry : named.entrySet()) {
            OptionalInt index = RepaFolders.latentIndex(entry.getKey());
            if (index.isEmpty()) {
                throw new CheckpointFormatException(
                        file,
                        "names must be like 00000/img-mean-std-00000000.npy but one is "
                                + MessageText.quote(entry.getKey()));
            }
            if (out.put(index.getAsInt(), entry.getValue()) != null) {
                throw new CheckpointFormatException(file, "it labels index " + index.getAsInt() + " twice");
            }
        }
        return out;
    }

    private static BitSet indices(Path folder, Function<String, OptionalInt> indexOf, String usual) throws IOException {
        BitSet out = new BitSet();
        try (Stream<Path> all = Files.walk(folder)) {
            Stream<Path> files = all.filter(file -> Files.isRegularFile(file) && !AtomicFile.isLeftover(file));
            for (Path file : (Iterable<Path>) files::iterator) {
                String name = folder.relativize(file).toString().replace('\\', '/');
                if (name.toLowerCase(Locale.ROOT).endsWith(".json")) {
                    continue;
                }
                OptionalInt index = indexOf.apply(name);
                if (index.isEmpty()) {
                    throw new CheckpointFormatException(
                            folder,
                            "files must be named like 00000/" + usual + " but one is " + MessageText.quote(name));
                }
                out.set(index.getAsInt());
            }
        }
        return out;
    }

    private static void requireEqual(Path first, Iterable<Integer> expected, Path second, BitSet found)
            throws IOException {
        BitSet missing = new BitSet();
        expected.forEach(missing::set);
        BitSet surplus = (BitSet) found.clone();
        surplus.andNot(missing);
        missing.andNot(found);
        if (!missing.isEmpty() || !surplus.isEmpty()) {
            throw new CheckpointFormatException(
                    first,
                    "has " + missing.cardinality() + " indices that " + second + " lacks" + some(missing)
                            + ", which has " + surplus.cardinality() + " others" + some(surplus)
                            + "; nothing is paired by rank here, so complete the set or prepare it again");
        }
    }

    private static String some(BitSet indices) {
        List<String> out = new ArrayList<>();
        indices.stream().limit(MOST_NAMED).forEach(i -> out.add(String.format(Locale.ROOT, "%08d", i)));
        return out.isEmpty() ? "" : " (" + String.join(", ", out) + (indices.cardinality() > MOST_NAMED ? ", …)" : ")");
    }

    private static SampleLayout layout(RepaFolders folders, int index, boolean images) throws IOException {
        int side = 0;
        if (images) {
            Picture picture;
            try {
                picture = PictureReader.read(folders.image(index));
            } catch (PictureFormatException e) {
                throw new CheckpointFormatException(folders.image(index), "is no picture: " + e.reason(), e);
            }
            side = picture.width();
            if (picture.height() != side) {
                throw new CheckpointFormatException(
                        folders.image(index), "pictures must be square but it is a " + picture);
            }
        }
        try (NpyFile file = NpyFile.open(folders.latent(index))) {
            Shape shape = file.shape();
            if (shape.dimension() != 3 || shape.size() == 0 || shape.get(0) % 2 != 0 || shape.get(1) != shape.get(2)) {
                throw new CheckpointFormatException(
                        folders.latent(index),
                        "mean and standard deviation of a latent must have the shape (2C, H, H) but have " + shape);
            }
            return new SampleLayout(
                    Math.toIntExact(shape.get(0) / 2),
                    Math.toIntExact(shape.get(1)),
                    FloatCode.FLOAT32,
                    side,
                    0,
                    0,
                    FloatCode.FLOAT16);
        }
    }

    private static String identity(int[] indices, int[] labels, SampleLayout layout) {
        StringBuilder text = new StringBuilder(layout.toString());
        for (int i = 0; i < indices.length; i++) {
            text.append('\n').append(indices[i]).append(' ').append(labels[i]);
        }
        return Digests.sha256(text.toString());
    }

    @Override
    public int size() {
        return indices.length;
    }

    @Override
    public int classes() {
        return classes;
    }

    /** Names from our own record of the work, which other programs do not write; without a whole one there are none. */
    @Override
    public List<String> classNames() {
        Path manifest = folders.records().resolve(RepaStore.MANIFEST);
        List<String> names = new ArrayList<>();
        if (Files.exists(manifest)) {
            try {
                StrictJson.read(manifest).getAsJsonArray("classes").forEach(name -> names.add(name.getAsString()));
            } catch (IOException | RuntimeException e) {
                LOG.warn("{} does not tell the names of the classes: {}", manifest, e.toString());
                return List.of();
            }
        }
        return names;
    }

    @Override
    public SampleLayout layout() {
        return layout;
    }

    /** {@inheritDoc} It covers indices, labels and sizes, not the content of the files. */
    @Override
    public String identity() {
        return identity;
    }

    @Override
    public int label(int i) {
        return labels[i];
    }

    @Override
    public String name(int i) {
        return RepaFolders.latentName(indices[i]);
    }

    /** Returns the name of a sample's picture in its folder. */
    String imageName(int i) {
        return RepaFolders.imageName(indices[i]);
    }

    @Override
    public void readMoments(int i, float[] target, int from) throws IOException {
        Path path = folders.latent(indices[i]);
        Shape expected = new Shape(2L * layout.channels(), layout.side(), layout.side());
        try (NpyFile file = NpyFile.open(path)) {
            if (file.type() != TensorType.F32 || !file.shape().equals(expected)) {
                throw new CheckpointFormatException(
                        path,
                        "it must hold F32 of shape " + expected + " as the first latent does but holds " + file.type()
                                + " of shape " + file.shape());
            }
            float[] values = file.tensor().floats();
            System.arraycopy(values, 0, target, from, values.length);
        }
    }

    @Override
    public void readImage(int i, byte[] target, int from) throws IOException {
        Path path = folders.image(indices[i]);
        Picture picture = PictureReader.read(path);
        if (picture.width() != layout.imageSide() || picture.height() != layout.imageSide()) {
            throw new CheckpointFormatException(
                    path, "pictures of the set have a side of " + layout.imageSide() + " but it is a " + picture);
        }
        picture.copyPlanar(target, from);
    }

    @Override
    public void readTokens(int i, float[] target, int from) {
        throw new IllegalStateException("REPA's layout has no encoder tokens");
    }

    @Override
    public void readTokens(int i, int[] rows, float[] target, int from) {
        readTokens(i, target, from);
    }

    /** {@inheritDoc} This layout has no checksums, so nothing is compared. */
    @Override
    public Optional<String> watch() {
        return Optional.of(
                "REPA's layout has no checksums: while training, damage is noticed only where a file cannot be"
                        + " read; 'verify' compares hashes if this library wrote the set");
    }

    @Override
    public void close() {
        // every file is closed after it was read
    }
}
