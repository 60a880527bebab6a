package io.github.maskalign.examples;

import ai.djl.Device;
import io.github.maskalign.core.distributed.Agreement;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.Communicators;
import io.github.maskalign.core.distributed.Launch;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import java.io.IOException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs a command in one of several processes, and ends all of them in order when it fails in one. */
final class RankedWork {
    private static final Logger LOG = LoggerFactory.getLogger(RankedWork.class);

    /** Longer than rank 0 takes to save a large state or to draw pictures while the others wait. */
    private static final Duration PATIENCE = Duration.ofMinutes(30);

    private RankedWork() {}

    /** What a rank does. */
    @FunctionalInterface
    interface Work<T> {
        /** Does it. */
        T run(Agreement agreement) throws IOException;
    }

    /** Joins the group that the process was started in, works, and leaves the group. */
    static <T> T run(Launch launch, Device device, Work<T> work) throws IOException {
        Communicator ranks = Communicators.open(launch, device, PATIENCE, Main::endAtOnce);
        Agreement agreement = new Agreement(ranks);
        if (launch.isDistributed() && ranks.isRoot()) {
            LOG.info("{} ranks by {}", ranks.size(), ranks.description());
        }
        try {
            T result = agreement.together(() -> work.run(agreement)); // rank 0 may fail when the others are done
            ranks.close();
            return result;
        } catch (Throwable failure) {
            agreement.fail(failure);
            if (agreement.isFailureKnown() || !launch.isDistributed()) {
                try {
                    ranks.close(); // the others end too
                } catch (RuntimeException e) {
                    failure.addSuppressed(e);
                }
            } else {
                LOG.error(
                        "rank {} of {}: {}",
                        launch.rank(),
                        launch.size(),
                        Failures.of(failure).message());
                ranks.abort(ExitCode.FAILED);
            }
            throw failure;
        }
    }
}
