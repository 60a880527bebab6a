package io.github.maskalign.core.metrics;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Several sinks as one. A sink that fails to write is reported by a warning each time and asked again with
 * the next record: a full disk costs measurements, never the run.
 */
public final class MetricSinks implements MetricSink {
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
