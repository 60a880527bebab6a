package io.github.maskalign.core.train;

import io.github.maskalign.core.engine.internal.DeviceMemory;
import io.github.maskalign.core.engine.internal.ProcessStatus;
import io.github.maskalign.core.metrics.MetricSink;
import io.github.maskalign.core.train.TrainListener.StartKind;
import io.github.maskalign.core.train.TrainListener.StopReason;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Writes the numbers of every k-th step to a sink, of every skipped one, and of the last of a run.
 *
 * <p>Names: {@code loss}, {@code loss/PART}, {@code grad_norm} (before clipping), {@code lr}, {@code applied}
 * (1 or 0), {@code skipped} (so far), {@code seconds}, {@code seconds/data}, {@code seconds/model}, {@code
 * seconds/exchange} (with several ranks), {@code seconds/update}, {@code seconds/rest}, and where the system tells
 * them {@code memory/resident_mb}, {@code memory/peak_mb} (the largest so far) and {@code memory/device_mb} (in use on the
 * GPU), in 10⁶ bytes.
 */
public final class MetricListener implements TrainListener {
    private final Opening opening;
    private final long every;
    private final Map<String, Double> once;
    private boolean begun;
    private @Nullable StepResult unrecorded;
    private @Nullable MetricSink sink;

    /** Opens a sink once it is known where the run goes on. */
    @FunctionalInterface
    public interface Opening {
        /**
         * Opens the sink.
         *
         * @param firstStep number of the first step that will be recorded; 1 for a new run
         */
        MetricSink open(long firstStep) throws IOException;
    }

    /**
     * Creates a listener that opens its sink when the run starts and closes it when the run ends.
     *
     * @param opening opens the sink
     * @param every records every so many steps, at least 1
     */
    public MetricListener(Opening opening, long every) {
        this(opening, every, Map.of());
    }

    /**
     * Creates a listener whose first record holds some numbers more.
     *
     * @param opening opens the sink
     * @param every records every so many steps, at least 1
     * @param once these numbers; they may still change until the first record
     */
    public MetricListener(Opening opening, long every, Map<String, Double> once) {
        if (every < 1) {
            throw new IllegalArgumentException("metrics must be written every 1 or more steps but was " + every);
        }
        this.opening = opening;
        this.every = every;
        this.once = once;
    }

    @Override
    public void onStart(StartKind kind, TrainState state) {
        try {
            sink = opening.open(state.step() + 1);
        } catch (IOException e) {
            throw new UncheckedIOException("the metrics of the run cannot be opened: " + e.getMessage(), e);
        }
    }

    @Override
    public void onStep(StepResult result, TrainState state) {
        boolean due = result.step() % every == 0
                || !result.applied()
                || result.measured().keySet().stream().anyMatch(name -> !name.startsWith("grad_norm/"));
        unrecorded = due ? null : result;
        if (due) {
            record(result, state);
        }
    }

    private void record(StepResult result, TrainState state) {
        if (sink == null) {
            return;
        }
        try {
            Map<String, Double> values = values(result, state);
            if (!begun) {
                begun = true;
                values.putAll(once);
            }
            sink.scalars(result.step(), values);
        } catch (IOException e) {
            throw new UncheckedIOException("the metrics of step " + result.step() + " cannot be written", e);
        }
    }

    /** A power loss then leaves the records of all steps that the saved state has behind it. */
    @Override
    public void onSaving(long step) {
        if (sink == null) {
            return;
        }
        try {
            sink.sync();
        } catch (IOException e) {
            throw new UncheckedIOException("the metrics up to step " + step + " cannot be brought to the disk", e);
        }
    }

    @Override
    public void onEnd(StopReason reason, TrainState state) {
        if (reason == StopReason.COMPLETED && unrecorded != null) {
            record(unrecorded, state);
        }
        if (sink == null) {
            return;
        }
        try {
            sink.close();
        } catch (IOException e) {
            throw new UncheckedIOException("the metrics of the run cannot be closed", e);
        }
    }

    private static Map<String, Double> values(StepResult result, TrainState state) {
        Map<String, Double> values = new LinkedHashMap<>();
        values.put("loss", result.loss());
        result.parts().forEach((name, value) -> values.put("loss/" + name, value));
        values.putAll(result.measured());
        values.put("grad_norm", result.gradNorm());
        values.put("lr", result.lr());
        values.put("applied", result.applied() ? 1.0 : 0.0);
        values.put("skipped", (double) state.skipped());
        values.put("seconds", result.seconds().total());
        values.put("seconds/data", result.seconds().data());
        values.put("seconds/model", result.seconds().model());
        if (result.seconds().exchange() > 0) {
            values.put("seconds/exchange", result.seconds().exchange());
        }
        values.put("seconds/update", result.seconds().update());
        values.put("seconds/rest", result.seconds().rest());
        ProcessStatus.read().ifPresent(status -> {
            values.put("memory/resident_mb", status.residentBytes() * 1e-6);
            values.put("memory/peak_mb", status.peakResidentBytes() * 1e-6);
        });
        DeviceMemory.read(state.manager().getDevice())
                .ifPresent(memory -> values.put("memory/device_mb", memory.usedBytes() * 1e-6));
        return values;
    }
}
