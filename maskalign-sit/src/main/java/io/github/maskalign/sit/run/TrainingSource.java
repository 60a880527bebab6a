package io.github.maskalign.sit.run;

import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.random.Draws;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Where a run's samples come from when they are no prepared latents: pictures that are their own latents, or whose
 * latents the source computes.
 *
 * <p>Found on the class path by {@link java.util.ServiceLoader}: name the class in
 * {@code META-INF/services/io.github.maskalign.sit.run.TrainingSource}.
 */
public interface TrainingSource {
    /** Returns the value of {@code data.kind} that asks for this source. */
    String kind();

    /**
     * Opens the samples.
     *
     * @param config the whole run
     * @param cache folder for what is made once, unless the config names another
     * @param draws the random numbers of the run
     * @throws IllegalArgumentException if the model does not fit the pictures; names the key and what is needed
     * @throws IOException if they cannot be read or made
     */
    Opened open(RunConfig config, Path cache, Draws draws) throws IOException;

    /**
     * Open samples.
     *
     * @param data the samples, by position
     * @param pictures the same one by one, as bytes
     * @param attribution who made the pictures, under which licences
     * @param classes names of the classes by label; empty if there are none
     * @param identity changes with the samples where the config does not tell; may be empty
     * @param resources what to close afterwards
     */
    record Opened(
            TrainingData data,
            TrainingPictures pictures,
            String attribution,
            List<String> classes,
            String identity,
            Closeable resources) {
        /** Copies the names. */
        public Opened {
            classes = List.copyOf(classes);
        }

        /** Samples that the config tells all about, without names of classes and with nothing to close. */
        public Opened(TrainingData data, TrainingPictures pictures, String attribution) {
            this(data, pictures, attribution, List.of(), "", () -> {});
        }
    }
}
