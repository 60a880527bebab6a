package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.evaluate.Evaluation.Reference;
import io.github.maskalign.core.evaluate.ReferenceFile;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.internal.Digests;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Features of reference pictures, kept in a file that {@code evaluate --reference} takes too. They are computed again when
 * pictures, their number or the network change.
 *
 * @param file where they are kept
 */
record KeptReference(Path file) {
    private static final Logger LOG = LoggerFactory.getLogger(KeptReference.class);
    private static final String KEY = "evaluate_sha256";

    /** Computes features of reference pictures. */
    @FunctionalInterface
    interface Work {
        /** Returns a reference with statistics, on the manager of the run of features. */
        Reference run() throws IOException;
    }

    /**
     * Returns the features, which live on the run's manager.
     *
     * @param pictures changes with the pictures and their number
     */
    Reference read(FeatureRun run, String pictures, Work work) throws IOException {
        String key = Digests.sha256(run.extractor().space().identity() + "\n" + pictures);
        if (isKept(key)) {
            try {
                return ReferenceFile.read(run.manager(), file);
            } catch (IOException e) {
                LOG.warn("{} cannot be read and is made again: {}", file, e.getMessage());
            }
        }
        LOG.info("computing the features of {}", pictures);
        Reference reference = work.run();
        try {
            ReferenceFile.write(file, reference, Map.of(KEY, key, "source", pictures));
        } catch (IOException e) {
            LOG.warn("{} cannot be written, so they will be computed again: {}", file, e.toString());
        }
        return reference;
    }

    private boolean isKept(String key) {
        if (!Files.exists(file)) {
            return false;
        }
        try (SafetensorsFile kept = SafetensorsFile.open(file)) {
            return key.equals(kept.metadata().get(KEY));
        } catch (IOException e) {
            LOG.warn("{} cannot be read and is made again: {}", file, e.getMessage());
            return false;
        }
    }

    /** Names what a path holds, so that the name changes when a file does; files are not read. */
    static String describe(Path path) throws IOException {
        return path.toAbsolutePath().normalize() + " " + Digests.listing(path).substring(0, 16);
    }
}
