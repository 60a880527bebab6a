package io.github.maskalign.core.train;

import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.distributed.Agreement;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.Launch;
import io.github.maskalign.core.distributed.internal.MpiCommunicator;
import io.github.maskalign.core.train.TrainListener.StartKind;
import io.github.maskalign.core.train.TrainListener.StopReason;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One rank of a training run: arguments are the run folder, the number of steps, the global batch, and what happens to
 * the last rank before its fourth step: {@code nothing}, {@code nan}, {@code fails}, {@code stops}, or {@code slow}
 * steps on every rank.
 *
 * <p>Prints {@code step RANK STEP APPLIED LOSS}, {@code end RANK REASON STEP} and {@code exception RANK MESSAGE}.
 */
public final class RankedTraining {
    private RankedTraining() {}

    /** Trains, or goes on where a run before it ended. */
    public static void main(String[] args) {
        Communicator ranks = MpiCommunicator.start(Launch.detect(System.getenv()), Duration.ofSeconds(60));
        System.out.println(
                "process " + ranks.rank() + " " + ProcessHandle.current().pid());
        Agreement agreement = new Agreement(ranks);
        int code = 0;
        try {
            train(args, agreement);
        } catch (IOException | RuntimeException e) {
            System.out.println("exception " + ranks.rank() + " " + e.getMessage());
            code = agreement.isFailureKnown() ? 5 : 6;
        }
        ranks.close();
        System.exit(code);
    }

    private static void train(String[] args, Agreement agreement) throws IOException {
        Communicator ranks = agreement.ranks();
        TrainConfig config = new TrainConfig(
                Long.parseLong(args[1]),
                Integer.parseInt(args[2]),
                1,
                new TrainConfig.Saving(2, 2, 0),
                new TrainConfig.Skipping(2, 3));
        boolean last = ranks.rank() == ranks.size() - 1;
        try (NDManager manager = NDManager.newBaseManager()) {
            // other weights on every rank, which rank 0's replace
            TinyObjective objective = new TinyObjective(manager, 3, ranks.rank());
            try (TrainState state = new TrainState(manager, objective.parameters())) {
                Optional<RunCheckpoints> files = ranks.isRoot()
                        ? Optional.of(RunCheckpoints.open(
                                Path.of(args[0]),
                                RunIdentity.of("tiny", Map.of("optim.lr", "0.01"), Map.of("torch", "any")),
                                2))
                        : Optional.empty();
                TrainLoop alone =
                        new TrainLoop(config, RunningTiny.OPTIM, objective, state, List.of(new Speaker(ranks)));
                TrainLoop ranked = alone.withAgreement(agreement);
                TrainLoop loop = files.map(ranked::withCheckpoints).orElse(ranked);
                prepare(args[3], last, objective, loop, state);
                loop.run();
            }
        }
    }

    private static void prepare(String event, boolean last, TinyObjective objective, TrainLoop loop, TrainState state) {
        switch (event) {
            case "nothing" -> {}
            case "slow" -> objective.interrupt(() -> pause(50));
            case "nan" -> {
                if (last) {
                    objective.poison(3);
                }
            }
            case "stops" ->
                objective.interrupt(() -> {
                    if (last && state.step() == 3) {
                        loop.requestStop();
                    }
                });
            case "fails" ->
                objective.interrupt(() -> {
                    if (last && state.step() == 3) {
                        throw new IllegalStateException("shard 7 cannot be read");
                    }
                });
            default -> throw new IllegalArgumentException("no event " + event);
        }
    }

    private static void pause(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private record Speaker(Communicator ranks) implements TrainListener {
        @Override
        public void onStart(StartKind kind, TrainState state) {
            System.out.println("start " + ranks.rank() + " " + kind + " " + state.step());
        }

        @Override
        public void onStep(StepResult result, TrainState state) {
            System.out.println("step " + ranks.rank() + " " + result.step() + " " + result.applied() + " "
                    + result.loss() + " " + (result.seconds().exchange() > 0));
        }

        @Override
        public void onEnd(StopReason reason, TrainState state) {
            System.out.println("end " + ranks.rank() + " " + reason + " " + state.step());
        }
    }
}
