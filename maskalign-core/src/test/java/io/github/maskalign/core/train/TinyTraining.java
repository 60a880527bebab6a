package io.github.maskalign.core.train;

import io.github.maskalign.core.train.TrainListener.StartKind;
import io.github.maskalign.core.train.TrainListener.StopReason;
import java.nio.file.Path;

/**
 * A training program to be killed: arguments are the run folder, the number of steps and the interval of saving.
 *
 * <p>Prints {@code start KIND STEP}, {@code step STEP} after each step, {@code saved STEP} after each save and
 * {@code end REASON STEP}.
 */
public final class TinyTraining {
    private TinyTraining() {}

    /** Trains, or goes on where a run before it was killed. */
    public static void main(String[] args) throws Exception {
        TrainConfig config = new TrainConfig(
                Long.parseLong(args[1]),
                4,
                2,
                new TrainConfig.Saving(Long.parseLong(args[2]), 2, 20),
                new TrainConfig.Skipping(0, 0));
        try (RunningTiny run = new RunningTiny(Path.of(args[0]), config, new Speaker())) {
            run.loop().run();
        }
    }

    private static final class Speaker implements TrainListener {
        @Override
        public void onStart(StartKind kind, TrainState state) {
            System.out.println("start " + kind + " " + state.step());
        }

        @Override
        public void onStep(StepResult result, TrainState state) {
            System.out.println("step " + result.step());
        }

        @Override
        public void onSaved(Path saved, long step) {
            if (saved.getFileName().toString().startsWith("state-")) {
                System.out.println("saved " + step);
            }
        }

        @Override
        public void onEnd(StopReason reason, TrainState state) {
            System.out.println("end " + reason + " " + state.step());
        }
    }
}
