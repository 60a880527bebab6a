package io.github.maskalign.core.metrics;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes the measurements of a run.
 *
 * <p>A step is the number of optimiser steps done when the value was measured, {@code >= 0}. One thread
 * uses a sink; calls return when the record has left the process (a killed process loses nothing that was
 * written before). Values may be NaN or infinite: a diverging run is the one whose numbers matter most.
 */
public interface MetricSink extends AutoCloseable {
    /**
     * Records the values measured at one step.
     *
     * @param step optimiser steps done, {@code >= 0}
     * @param values names such as {@code loss} or {@code grad_norm/clipped} and their values, in any unit
     *     the name states; the order of iteration is the order in the file
     * @throws IOException if the record could not be written; the sink stays usable
     */
    void scalars(long step, Map<String, Double> values) throws IOException;

    /**
     * Records one picture.
     *
     * @param step optimiser steps done, {@code >= 0}
     * @param tag name of the series the picture belongs to
     * @param png a complete PNG file
     * @param width width of the picture in pixels
     * @param height height of the picture in pixels
     * @throws IOException if the record could not be written; the sink stays usable
     */
    void image(long step, String tag, byte[] png, int width, int height) throws IOException;

    /**
     * Brings all records to the disk, so that a power loss takes none of them; does nothing unless a sink has files.
     *
     * @throws IOException if they could not be brought there; the sink stays usable
     */
    default void sync() throws IOException {}

    @Override
    void close() throws IOException;

    /**
     * Several sinks as one. A sink that fails to write is reported by a warning each time and asked again with
     * the next record: a full disk costs measurements, never the run.
     */
    final class MetricSinks implements MetricSink {
        private static final Logger LOG = LoggerFactory.getLogger(MetricSinks.class);

        private final List<MetricSink> sinks;
        private final boolean owned;

        /**
         * Joins sinks, which this object then owns and closes.
         *
         * @param sinks the members, in the order they are called; may be empty
         */
        public MetricSinks(List<? extends MetricSink> sinks) {
            this(List.copyOf(sinks), true);
        }

        private MetricSinks(List<MetricSink> sinks, boolean owned) {
            this.sinks = sinks;
            this.owned = owned;
        }

        /**
         * Opens what a run folder has: {@code stats.jsonl} and TensorBoard events.
         *
         * @param firstStep number of the first step that will be recorded; records from it on are dropped
         */
        public static MetricSinks inFolder(Path folder, long firstStep) throws IOException {
            return new MetricSinks(List.of(
                    JsonlSink.open(folder.resolve("stats.jsonl"), firstStep), TensorBoardSink.open(folder, firstStep)));
        }

        /** Returns the same sinks for one of several users: closing what is returned leaves them open. */
        public MetricSinks shared() {
            return new MetricSinks(sinks, false);
        }

        @Override
        public void scalars(long step, Map<String, Double> values) {
            each("scalars of step " + step, sink -> sink.scalars(step, values));
        }

        @Override
        public void image(long step, String tag, byte[] png, int width, int height) {
            each("image '" + tag + "' of step " + step, sink -> sink.image(step, tag, png, width, height));
        }

        @Override
        public void sync() {
            each("what was recorded to the disk", MetricSink::sync);
        }

        @Override
        public void close() {
            if (owned) {
                each("the last records", MetricSink::close);
            }
        }

        private void each(String what, Call call) {
            for (MetricSink sink : sinks) {
                try {
                    call.on(sink);
                } catch (IOException e) {
                    LOG.warn("{} could not write {}: {}", sink, what, e.toString());
                }
            }
        }

        /** One call on one sink. */
        private interface Call {
            void on(MetricSink sink) throws IOException;
        }
    }
}
