package io.github.maskalign.core.data;

import io.github.maskalign.core.data.internal.RepaFolders;
import io.github.maskalign.core.data.internal.RepaSet;
import io.github.maskalign.core.data.internal.SampleLayout;
import io.github.maskalign.core.data.internal.ShardIndex;
import io.github.maskalign.core.data.internal.ShardSet;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.Optional;

/** Prepared pictures by index, wherever they lie. Several threads may read at once. */
public interface PreparedSamples extends AutoCloseable {
    /**
     * Opens the shards of a folder, or else what it holds in REPA's layout.
     *
     * @param folders the folder, and how REPA's folders in it would be named
     * @throws NoSuchFileException if it holds neither
     * @throws IOException if what it holds is damaged
     */
    static PreparedSamples open(RepaFolders folders) throws IOException {
        if (!Files.exists(folders.root().resolve(ShardIndex.FILE)) && RepaSet.isAt(folders)) {
            return RepaSet.open(folders);
        }
        return ShardSet.open(folders.root());
    }

    /** Returns the number of pictures. */
    int size();

    /** Returns the number of classes; labels are below it. */
    int classes();

    /** Returns the names of the classes, by label; empty if it does not know them. */
    default List<String> classNames() {
        return List.of();
    }

    /** Returns the basis in which a model generates the encoder's tokens, if the set was prepared with one. */
    default Optional<FeatureBasis> featureBasis() {
        return Optional.empty();
    }

    /** Returns what there is of each picture. */
    SampleLayout layout();

    /** Returns a hash that changes when a picture, label or setting does, as 64 hexadecimal digits. */
    String identity();

    /** Returns the class of a picture. */
    int label(int index);

    /** Returns where a picture came from. */
    String name(int index);

    /** Writes mean and standard deviation of a latent, (2C, H, W), into {@code target} from {@code from} on. */
    void readMoments(int index, float[] target, int from) throws IOException;

    /** Writes a picture's bytes (3, side, side) into {@code target} from {@code from} on. */
    void readImage(int index, byte[] target, int from) throws IOException;

    /** Writes a picture's tokens (1+T, Z) into {@code target} from {@code from} on. */
    void readTokens(int index, float[] target, int from) throws IOException;

    /** Writes some of a picture's tokens, (K, Z) for K indices among 1+T, into {@code target} from {@code from} on. */
    void readTokens(int index, int[] rows, float[] target, int from) throws IOException;

    /**
     * Begins to compare all files with their hashes, once, in the background and at low priority, until the set is
     * closed. Once a file is found that is damaged or missing, every read fails and names it.
     *
     * @return what damage will go unnoticed or be noticed late, as the set has no checksums; empty if none will
     */
    Optional<String> watch();

    @Override
    void close() throws IOException;
}
