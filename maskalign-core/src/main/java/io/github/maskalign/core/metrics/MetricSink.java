package io.github.maskalign.core.metrics;

import java.io.IOException;
import java.util.Map;

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
}
