package io.github.maskalign.sit.run;

import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.data.internal.EpochOrder;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.sit.run.internal.PictureSource;
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

    /**
     * The pictures that a run is trained on, by index. Several threads may read at once.
     *
     * @param name changes with the pictures
     * @param size their number
     * @param side their side in pixels
     * @param reader reads one
     */
    record TrainingPictures(String name, int size, int side, Reader reader) {

        /** Reads pictures. */
        @FunctionalInterface
        public interface Reader {
            /** Writes a picture's bytes (3, side, side) into {@code target}. */
            void read(int index, byte[] target) throws IOException;
        }

        /**
         * Returns the first pictures of a random order that depends on the number of pictures alone, so that all runs on the
         * same data have the same ones.
         *
         * @param most how many at most
         */
        public PictureSource some(int most) {
            return new Some(this, Math.min(most, size), new EpochOrder(new Draws(0), size));
        }

        /** Copies planar red, green, blue (3, plane) to interleaved (plane, 3). */
        public static void interleave(byte[] planar, int from, byte[] target, int to, int plane) {
            for (int c = 0; c < 3; c++) {
                for (int k = 0; k < plane; k++) {
                    target[to + 3 * k + c] = planar[from + c * plane + k];
                }
            }
        }

        /** Some of the pictures. */
        private record Some(TrainingPictures all, int size, EpochOrder order) implements PictureSource {
            @Override
            public Path path() {
                return Path.of("training data");
            }

            @Override
            public int height() {
                return all.side();
            }

            @Override
            public int width() {
                return all.side();
            }

            @Override
            public byte[] read(int first, int count) throws IOException {
                int plane = all.side() * all.side();
                byte[] one = new byte[3 * plane];
                byte[] out = new byte[Math.multiplyExact(count, one.length)];
                for (int i = 0; i < count; i++) {
                    all.reader().read(order.indexAt(first + i), one);
                    interleave(one, 0, out, i * one.length, plane);
                }
                return out;
            }

            @Override
            public void close() {}
        }
    }
}
