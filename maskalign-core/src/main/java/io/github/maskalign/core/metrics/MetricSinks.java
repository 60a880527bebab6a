package io.github.maskalign.core.metrics;

import java.io.IOException;
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

    /**
     * Joins sinks, which this object then owns and closes.
     *
     * @param sinks the members, in the order they are called; may be empty
     */
    public MetricSinks(List<? extends MetricSink> sinks) {
        this.sinks = List.copyOf(sinks);
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
        each("the last records", MetricSink::close);
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
