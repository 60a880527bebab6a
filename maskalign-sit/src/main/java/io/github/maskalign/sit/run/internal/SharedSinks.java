package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.metrics.MetricSink;
import io.github.maskalign.core.train.MetricListener;
import java.io.IOException;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One sink for several listeners: whoever comes first opens it, and it is closed when all have closed theirs. One thread
 * uses them.
 */
public final class SharedSinks implements MetricListener.Opening {
    private final MetricListener.Opening opening;
    private @Nullable MetricSink sink;
    private int users;

    public SharedSinks(MetricListener.Opening opening) {
        this.opening = opening;
    }

    @Override
    public MetricSink open(long firstStep) throws IOException {
        MetricSink opened = sink == null ? opening.open(firstStep) : sink;
        sink = opened;
        users++;
        return new View(opened);
    }

    private void release(MetricSink opened) throws IOException {
        users--;
        if (users == 0) {
            sink = null;
            opened.close();
        }
    }

    /** The sink as one listener sees it. */
    private final class View implements MetricSink {
        private final MetricSink opened;
        private boolean closed;

        View(MetricSink opened) {
            this.opened = opened;
        }

        @Override
        public void scalars(long step, Map<String, Double> values) throws IOException {
            opened.scalars(step, values);
        }

        @Override
        public void image(long step, String tag, byte[] png, int width, int height) throws IOException {
            opened.image(step, tag, png, width, height);
        }

        @Override
        public void sync() throws IOException {
            opened.sync();
        }

        @Override
        public void close() throws IOException {
            if (!closed) {
                closed = true;
                release(opened);
            }
        }
    }
}
