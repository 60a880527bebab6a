package io.github.maskalign.sit.run.internal;

import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.train.Objective;
import io.github.maskalign.core.train.RunCheckpoints;
import io.github.maskalign.sit.SiTObjective;
import io.github.maskalign.sit.run.RunConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a run minimises.
 *
 * @param objective the transformer's objective, or with {@code terms.endToEnd} that of transformer and autoencoder
 * @param autoencoder the autoencoder that is trained along; null without
 */
public record RunObjective(Objective objective, @Nullable EndToEndRun autoencoder) implements AutoCloseable {
    /** Opens what is trained beside the transformer, if anything is. */
    public static RunObjective of(RunConfig run, RunData data, SiTObjective transformer, NDManager manager)
            throws IOException {
        if (!EndToEndRun.isMeant(run)) {
            return new RunObjective(transformer, null);
        }
        EndToEndRun opened = EndToEndRun.open(run, data.pictureSide(), manager);
        try {
            return new RunObjective(opened.objective(transformer, manager), opened);
        } catch (IOException | RuntimeException e) {
            opened.close();
            throw e;
        }
    }

    /** Returns settings of the run that its config does not tell. */
    public Map<String, String> identity() throws IOException {
        return autoencoder == null ? Map.of() : autoencoder.identity();
    }

    /** Returns the files of the run, with those of the autoencoder. */
    public RunCheckpoints in(RunCheckpoints files, Path folder) throws IOException {
        return autoencoder == null ? files : autoencoder.in(files, folder);
    }

    @Override
    public void close() {
        if (autoencoder != null) {
            autoencoder.close();
        }
    }
}
