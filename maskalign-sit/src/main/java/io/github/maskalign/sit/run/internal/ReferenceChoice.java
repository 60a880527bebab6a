package io.github.maskalign.sit.run.internal;

import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.evaluate.Evaluation.Reference;
import io.github.maskalign.core.evaluate.FeatureCollector;
import io.github.maskalign.core.evaluate.FeatureCollector.CollectorConfig;
import io.github.maskalign.core.evaluate.FeatureExtractor.FeatureSpace;
import io.github.maskalign.core.evaluate.Metric;
import io.github.maskalign.core.evaluate.ReferenceFile;
import io.github.maskalign.core.files.NpzFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a path given as a reference holds: statistics, pictures, or both as ADM's reference files do. Statistics in the file
 * go before those of its pictures, as in ADM's evaluator.
 */
public final class ReferenceChoice implements AutoCloseable {
    private final Path path;
    private final boolean statistics;
    private final @Nullable PictureSource pictures;

    private ReferenceChoice(Path path, boolean statistics, @Nullable PictureSource pictures) {
        this.path = path;
        this.statistics = statistics;
        this.pictures = pictures;
    }

    /** Looks at a path; pictures are opened, statistics are read later. */
    public static ReferenceChoice open(Path path) throws IOException {
        return open(path, 0);
    }

    /**
     * As {@link #open(Path)}, with cropped pictures.
     *
     * @param side as in {@link PictureSource#open(Path, int)}
     */
    public static ReferenceChoice open(Path path, int side) throws IOException {
        if (!Files.exists(path)) {
            throw new NoSuchFileException(path.toString());
        }
        if (Files.isDirectory(path)) {
            return new ReferenceChoice(path, false, PictureSource.open(path, side));
        }
        if (!ReferenceFile.isNpz(path)) {
            return new ReferenceChoice(path, true, null);
        }
        Set<String> names;
        try (NpzFile npz = NpzFile.open(path)) {
            names = npz.names();
        }
        boolean stored = ReferenceFile.hasStatistics(names);
        boolean alone = stored && !names.contains(NpzPictures.KEY);
        return new ReferenceChoice(path, stored, alone ? null : PictureSource.open(path, side));
    }

    /** Returns where the reference is. */
    public Path path() {
        return path;
    }

    /** Returns the pictures, if there are any. */
    public @Nullable PictureSource pictures() {
        return pictures;
    }

    /**
     * Reads the statistics, and sends the pictures through the network as far as the metrics need them.
     *
     * @param rows most pictures for precision, recall and KID
     * @return a reference that lives on the run's manager
     */
    public Reference read(FeatureRun run, Set<Metric> metrics, int rows) throws IOException {
        Reference stored = statistics ? ReferenceFile.read(run.manager(), path) : null;
        if (pictures == null) {
            return stored == null ? new Reference("", 0, "", null, null, null) : stored;
        }
        Set<Metric> missing = EnumSet.noneOf(Metric.class);
        for (Metric metric : metrics) {
            if (metric != Metric.IS && (stored == null || !stored.supports(metric))) {
                missing.add(metric);
            }
        }
        if (missing.isEmpty()) {
            return stored == null
                    ? new Reference("", 0, "", null, null, null)
                    : stored.withResolution(pictures.resolution());
        }
        requireTwo(pictures);
        FeatureCollector collected =
                run.collect("reference", pictures, CollectorConfig.reference(missing, rows, pictures.size()));
        Reference found = collected.reference().withResolution(pictures.resolution());
        if (stored == null) {
            return found;
        }
        return new Reference(
                stored.identity(),
                stored.pictures(),
                found.resolution(),
                stored.pooled() == null ? found.pooled() : stored.pooled(),
                stored.spatial() == null ? found.spatial() : stored.spatial(),
                found.rows());
    }

    /**
     * Checks the number of pictures before anything is computed.
     *
     * @throws IllegalArgumentException if there is but one, which has no covariance
     */
    static void requireTwo(PictureSource pictures) {
        if (pictures.size() < 2) {
            throw new IllegalArgumentException(
                    "the reference " + pictures.path() + " must have at least 2 pictures but has " + pictures.size());
        }
    }

    /** Returns what can be measured against the reference with features of a space. */
    public Set<Metric> supported(NDManager scratch, FeatureSpace space) throws IOException {
        Set<Metric> able = EnumSet.noneOf(Metric.class);
        Reference stored = pictures == null ? ReferenceFile.read(scratch, path) : null;
        for (Metric metric : Metric.values()) {
            if (space.supports(metric) && (stored == null || stored.supports(metric))) {
                able.add(metric);
            }
        }
        return able;
    }

    @Override
    public void close() throws IOException {
        if (pictures != null) {
            pictures.close();
        }
    }
}
