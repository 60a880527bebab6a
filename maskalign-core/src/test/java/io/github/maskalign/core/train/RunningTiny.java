package io.github.maskalign.core.train;

import ai.djl.ndarray.NDManager;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/** A run of {@link TinyObjective} with everything it needs, as a main class would put it together. */
final class RunningTiny implements AutoCloseable {
    static final TrainConfig TWENTY =
            new TrainConfig(20, 4, 2, new TrainConfig.Saving(5, 2, 10), new TrainConfig.Skipping(2, 3));
    static final OptimConfig OPTIM = OptimConfig.PAPER.withLr(1e-2).withEmaDecay(0.9);

    private final NDManager manager = NDManager.newBaseManager();
    private final TinyObjective objective;
    private final TrainState state;
    private final TrainLoop loop;

    RunningTiny(Path folder, TrainConfig config, TrainListener... listeners) throws IOException {
        this(folder, config, Map.of("optim.lr", "0.01"), files -> files, listeners);
    }

    RunningTiny(
            Path folder,
            TrainConfig config,
            Map<String, String> settings,
            UnaryOperator<RunCheckpoints> start,
            TrainListener... listeners)
            throws IOException {
        this(folder, config, OPTIM, settings, start, listeners);
    }

    RunningTiny(
            Path folder,
            TrainConfig config,
            OptimConfig optim,
            Map<String, String> settings,
            UnaryOperator<RunCheckpoints> start,
            TrainListener... listeners)
            throws IOException {
        this(folder, config, optim, settings, start, manager -> new TinyObjective(manager, 3), listeners);
    }

    RunningTiny(
            Path folder,
            TrainConfig config,
            OptimConfig optim,
            Map<String, String> settings,
            UnaryOperator<RunCheckpoints> start,
            Function<NDManager, TinyObjective> objective,
            TrainListener... listeners)
            throws IOException {
        this.objective = objective.apply(manager);
        state = new TrainState(manager, this.objective.parameters(), optim.extraEmaDecays());
        RunIdentity identity = RunIdentity.of("tiny", settings, Map.of("torch", "any"));
        RunCheckpoints files = start.apply(
                RunCheckpoints.open(folder, identity, config.saving().keepLast(), config.keepEvery()));
        loop = new TrainLoop(config, optim, this.objective, state, List.of(listeners)).withCheckpoints(files);
    }

    TinyObjective objective() {
        return objective;
    }

    TrainState state() {
        return state;
    }

    TrainLoop loop() {
        return loop;
    }

    NDManager manager() {
        return manager;
    }

    @Override
    public void close() {
        state.close();
        manager.close();
    }
}
