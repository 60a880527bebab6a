package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainLoop;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Asks a training to end, which may not have begun yet; may be asked from any thread, at any time. */
public final class StopRequest {
    private volatile @Nullable TrainLoop running;
    private volatile boolean requested;

    /** Asks the training to end after its step, saving its state. */
    public void request() {
        requested = true;
        TrainLoop loop = running;
        if (loop != null) {
            loop.requestStop();
        }
    }

    /** Tells whether somebody has asked. */
    public boolean requested() {
        return requested;
    }

    /** Trains until the last step, or until somebody asks. */
    public StopReason run(TrainLoop loop) throws IOException {
        running = loop;
        if (requested) {
            loop.requestStop();
        }
        return loop.run();
    }
}
