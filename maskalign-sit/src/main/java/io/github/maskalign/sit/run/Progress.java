package io.github.maskalign.sit.run;

import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.sit.run.internal.LoggedProgress;
import io.github.maskalign.sit.run.internal.ProgressListener;

/** Shows how far a piece of work is: a run calls it, a program decides what is seen. */
public interface Progress extends AutoCloseable {
    /**
     * Tells that a step is done.
     *
     * @param step steps done in total
     * @param loss the step's loss, or NaN if the work has none
     */
    void step(long step, double loss);

    /** Ends the display. */
    @Override
    void close();

    /**
     * Returns a listener that shows how far a training is, for {@code SiTTraining.Builder.optListener} or a loop of your
     * own.
     *
     * @param display what shows it, such as {@link Display#LOG}
     * @param steps number of steps of the whole training, at least 1
     * @param imagesPerStep pictures each step takes, at least 1
     * @param logEvery steps between two lines of a log, at least 1
     */
    static TrainListener listener(Display display, long steps, int imagesPerStep, int logEvery) {
        return new ProgressListener(display, steps, imagesPerStep, logEvery);
    }

    /** Opens a display for each piece of work. */
    @FunctionalInterface
    interface Display {
        /** A line by SLF4J every so many steps: seen only if the program has a logging back end. */
        Display LOG = LoggedProgress::open;

        /** Starts to show a piece of work; it is closed when the work ends. */
        Progress open(Plan plan);
    }

    /**
     * What a display has to know in advance.
     *
     * @param task short name, such as {@code train}
     * @param firstStep steps already done, {@code >= 0}
     * @param totalSteps steps done at the end, {@code > firstStep}
     * @param imagesPerStep pictures each step takes, {@code >= 1}
     * @param logEvery steps between two lines of a log, {@code >= 1}
     */
    record Plan(String task, long firstStep, long totalSteps, int imagesPerStep, int logEvery) {
        /** Checks the ranges. */
        public Plan {
            if (firstStep < 0 || totalSteps <= firstStep) {
                throw new IllegalArgumentException(
                        "totalSteps must be greater than firstStep, which must be >= 0, but were " + totalSteps
                                + " and " + firstStep);
            }
            if (imagesPerStep < 1 || logEvery < 1) {
                throw new IllegalArgumentException(
                        "imagesPerStep and logEvery must be at least 1 but were " + imagesPerStep + " and " + logEvery);
            }
        }
    }
}
