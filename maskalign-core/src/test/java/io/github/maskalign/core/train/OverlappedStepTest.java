package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import io.github.maskalign.core.distributed.Agreement;
import io.github.maskalign.core.distributed.Agreement.RankFailedException;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.ThreadRanks;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.nn.AdaLnZeroBlock;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.internal.Initializers;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.nn.internal.Recomputation;
import io.github.maskalign.core.train.TrainConfig.BatchPlan;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Steps whose gradients travel while the backward pass goes on. */
@Tag("bits")
@Tag("device")
class OverlappedStepTest {
    private static final OptimConfig CONFIG = OptimConfig.PAPER.withLr(1e-3);

    @Test
    void twoRanksThatOverlapHaveTheBitsOfOneThatAddsUp() throws Exception {
        List<Map<String, float[]>> alone = play(new ThreadRanks(1), 2, rank -> new Wide(-1));
        ThreadRanks two = new ThreadRanks(2);
        List<Map<String, float[]>> both = play(two, 1, rank -> new Wide(-1));

        assertThat(both).hasSize(2);
        for (Map<String, float[]> weights : both) {
            alone.get(0)
                    .forEach((key, values) ->
                            assertThat(weights.get(key)).as(key).isEqualTo(values));
        }
        assertThat(two.threads())
                .filteredOn(made -> made.endsWith("maskalign-exchange"))
                .as("the matrices of both blocks, each step")
                .hasSize(2 * 2 * 2 * 2); // qkv and modulation are large; ranks, steps, blocks
    }

    @Test
    void onlyTheLastMicroBatchTravels() throws Exception {
        List<Map<String, float[]>> alone = play(new ThreadRanks(1), 4, rank -> new Wide(-1));
        ThreadRanks two = new ThreadRanks(2);
        List<Map<String, float[]>> both = play(two, 2, rank -> new Wide(-1));

        int sums = two.threads().size();
        ThreadRanks plain = new ThreadRanks(2);
        play(plain, 1, rank -> new Wide(-1));
        assertThat(sums).isEqualTo(plain.threads().size());
        both.forEach(weights -> weights.forEach((key, values) -> {
            float[] wanted = alone.get(0).get(key);
            for (int i = 0; i < values.length; i++) { // (a + b) + (c + d) and ((a + b) + c) + d
                assertThat(Math.abs(values[i] - wanted[i])).as(key).isLessThanOrEqualTo(2e-3f);
            }
        }));
    }

    @Test
    void aFailureInTheBackwardPassOfOneRankEndsBoth() throws Exception {
        ThreadRanks two = new ThreadRanks(2);
        List<String> said = new ArrayList<>();
        run(two, rank -> {
                    Agreement agreement = new Agreement(two.rank(rank));
                    try (NDManager manager = NDManager.newBaseManager(deviceOf(rank));
                            Wide objective = new Wide(rank == 1 ? 1 : -1)) {
                        steps(manager, objective, agreement, 1);
                        return "went on";
                    } catch (RuntimeException e) {
                        return agreement.isFailureKnown() + " " + e.getMessage() + " "
                                + (e instanceof RankFailedException);
                    }
                })
                .forEach(said::add);

        assertThat(said)
                .containsExactly(
                        "true rank 1 of 2 failed, so this one ends: block 0 cannot be computed again true",
                        "true block 0 cannot be computed again false");
    }

    private static List<Map<String, float[]>> play(ThreadRanks ranks, int accumulation, Function<Integer, Wide> made)
            throws Exception {
        return run(ranks, rank -> {
            try (NDManager manager = NDManager.newBaseManager(deviceOf(rank));
                    Wide objective = made.apply(rank)) {
                return steps(manager, objective, new Agreement(ranks.rank(rank)), accumulation);
            }
        });
    }

    /** Each rank has a device of its own, as far as there are so many. */
    private static Device deviceOf(int rank) {
        int gpus = Engine.getInstance().getGpuCount();
        return gpus == 0 ? Device.cpu() : Device.gpu(rank % gpus);
    }

    private static Map<String, float[]> steps(
            NDManager manager, Wide objective, Agreement agreement, int accumulation) {
        objective.open(manager);
        Communicator ranks = agreement.ranks();
        try (TrainState state = new TrainState(manager, objective.parameters())) {
            BatchPlan plan = new BatchPlan(4, accumulation, ranks.rank(), ranks.size());
            TrainStep step = new TrainStep(objective, state, CONFIG, plan, agreement);
            for (int i = 0; i < 2; i++) {
                StepResult result = step.run();
                assertThat(result.applied()).isTrue();
            }
            Map<String, float[]> weights = new LinkedHashMap<>();
            objective
                    .parameters()
                    .forEach((key, parameter) ->
                            weights.put(key, parameter.getArray().toFloatArray()));
            return weights;
        }
    }

    private static <T> List<T> run(ThreadRanks ranks, Function<Integer, T> scene) throws Exception {
        List<CompletableFuture<T>> running = new ArrayList<>();
        for (int rank = 0; rank < ranks.rank(0).size(); rank++) {
            int own = rank;
            CompletableFuture<T> answer = new CompletableFuture<>();
            running.add(answer);
            new Thread(() -> {
                        try {
                            answer.complete(scene.apply(own));
                        } catch (Throwable e) {
                            answer.completeExceptionally(e);
                        }
                    })
                    .start();
        }
        List<T> answers = new ArrayList<>();
        for (CompletableFuture<T> one : running) {
            answers.add(one.get(120, TimeUnit.SECONDS));
        }
        return answers;
    }

    /** Two blocks whose matrices have more than 1 MB, and two weights outside of them. */
    private static final class Wide implements Objective, AutoCloseable {
        private static final int T = 2;
        private static final int D = 320;

        private final long failing;
        private final Map<String, Parameter> parameters = new LinkedHashMap<>();
        private final List<AdaLnZeroBlock> blocks = new ArrayList<>();
        private ParameterStore store;
        private boolean gradual;

        /** @param failing step whose backward pass fails in the last block to be passed; -1 for none */
        Wide(long failing) {
            this.failing = failing;
        }

        void open(NDManager manager) {
            store = new ParameterStore(manager, false);
            int seed = 0;
            for (int b = 0; b < 2; b++) {
                AdaLnZeroBlock block = new AdaLnZeroBlock(D, 2, 1, false, Precision.FLOAT32);
                for (Map.Entry<String, Parameter> entry :
                        ParameterKeys.of(block).entrySet()) {
                    entry.getValue()
                            .setInitializer(waves(seed++, entry.getValue().getShape()));
                    parameters.put("blocks." + b + "." + entry.getKey(), entry.getValue());
                }
                block.initialize(manager, DataType.FLOAT32, new Shape(1, T, D), new Shape(1, D));
                blocks.add(block);
            }
            for (String name : new String[] {"position", "condition"}) {
                Shape shape = name.equals("position") ? new Shape(1, T, D) : new Shape(D);
                Parameter weight = Parameter.builder()
                        .setName(name)
                        .setType(Parameter.Type.WEIGHT)
                        .optShape(shape)
                        .optInitializer(waves(seed++, shape))
                        .build();
                weight.initialize(manager, DataType.FLOAT32);
                parameters.put(name, weight);
            }
        }

        @Override
        public Map<String, Parameter> parameters() {
            return parameters;
        }

        @Override
        public void preferGradual() {
            gradual = true;
        }

        @Override
        public StepLosses loss(NDManager scratch, long step, long first, int count) {
            NDArray x = OwnedArrays.of(scratch, new Shape(count, T, D), values(first, count * T * D))
                    .add(weight("position"));
            NDArray c = OwnedArrays.of(scratch, new Shape(count, D), values(first + 50, count * D))
                    .add(weight("condition"));
            Recomputation walk = gradual && failing < 0 ? Recomputation.ofNothing() : new Recomputation();
            NDArray joined = walk.join(c);
            for (int b = 0; b < 2; b++) {
                x = walk.run(b == 0 ? failingAt(step) : blocks.get(b), store, true, x, joined);
            }
            return new StepLosses(x.square().mean(), Map.of(), 0, walk);
        }

        private Block failingAt(long step) {
            AdaLnZeroBlock block = blocks.get(0);
            return step == failing ? new OncePassed(block) : block;
        }

        private NDArray weight(String name) {
            return parameters.get(name).getArray();
        }

        private static Initializer waves(int seed, Shape shape) {
            float[] values = values(seed * 1000L, Math.toIntExact(shape.size()));
            for (int i = 0; i < values.length; i++) {
                values[i] *= 0.05f;
            }
            return Initializers.constant(values);
        }

        private static float[] values(long seed, int count) {
            float[] values = new float[count];
            SplittableRandom random = new SplittableRandom(seed);
            for (int i = 0; i < count; i++) {
                values[i] = (float) random.nextDouble(-1, 1);
            }
            return values;
        }

        @Override
        public void close() {
            parameters.clear();
        }
    }

    /** A block that can be run forward but not again. */
    private static final class OncePassed extends AbstractBlock {
        private final AdaLnZeroBlock block;
        private boolean passed;

        OncePassed(AdaLnZeroBlock block) {
            this.block = addChildBlock("block", block);
        }

        @Override
        protected NDList forwardInternal(
                ParameterStore store, NDList inputs, boolean training, PairList<String, Object> params) {
            if (passed) {
                throw new IllegalStateException("block 0 cannot be computed again");
            }
            passed = true;
            return block.forward(store, inputs, training);
        }

        @Override
        protected void initializeChildBlocks(NDManager manager, DataType dataType, Shape... inputShapes) {
            // the block is initialised
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputs) {
            return block.getOutputShapes(inputs);
        }
    }
}
