package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainState;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Writes what a run is into its folder before the first step, and says where it goes on. */
public final class RunStart implements TrainListener {
    private static final Logger LOG = LoggerFactory.getLogger(RunStart.class);

    private final Path folder;
    private final Map<String, String> files;
    private final long steps;

    /**
     * Creates the listener.
     *
     * @param files texts by the names of their files
     * @param steps number of steps of the whole run
     */
    public RunStart(Path folder, Map<String, String> files, long steps) {
        this.folder = folder;
        this.files = Map.copyOf(files);
        this.steps = steps;
    }

    @Override
    public void onStart(StartKind kind, TrainState state) {
        try {
            for (Map.Entry<String, String> file : files.entrySet()) {
                AtomicFile.write(folder.resolve(file.getKey()), file.getValue());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        LOG.info("{} at step {} of {} in {}", kind, state.step(), steps, folder);
    }
}
