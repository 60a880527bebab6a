package io.github.maskalign.core.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.distributed.Agreement;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.Launch;
import io.github.maskalign.core.distributed.internal.MpiCommunicator;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.nn.AdaLnZeroBlock;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.core.nn.internal.Initializers;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.nn.internal.Recomputation;
import io.github.maskalign.core.train.TrainConfig.BatchPlan;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * Times steps whose gradients are summed beside the backward pass against steps that sum at its end, taking turns.
 *
 * <p>Arguments: width, blocks, samples of a rank, rounds, and whether blocks are recomputed.
 */
public final class OverlapRate {
    private static final int TOKENS = 64;
    private static final int WARM_UP = 2;

    private OverlapRate() {}

    /** Prints medians, on rank 0. */
    public static void main(String[] args) {
        int width = Integer.parseInt(args[0]);
        int depth = Integer.parseInt(args[1]);
        int samples = Integer.parseInt(args[2]);
        int rounds = Integer.parseInt(args[3]) + WARM_UP;
        boolean recomputed = Boolean.parseBoolean(args[4]);
        try (Communicator ranks = MpiCommunicator.start(Launch.detect(System.getenv()), Duration.ofMinutes(30));
                NDManager manager = NDManager.newBaseManager()) {
            Agreement agreement = new Agreement(ranks);
            BatchPlan plan = new BatchPlan(samples * ranks.size(), 1, ranks.rank(), ranks.size());
            List<TrainStep> steps = new ArrayList<>();
            for (boolean beside : new boolean[] {false, true}) {
                Blocks blocks = new Blocks(manager, width, depth, beside, recomputed);
                TrainState state = new TrainState(manager, blocks.parameters());
                steps.add(new TrainStep(blocks, state, OptimConfig.PAPER, plan, agreement));
            }
            double[][] whole = new double[2][rounds];
            double[][] waiting = new double[2][rounds];
            double[] ratios = new double[rounds];
            for (int i = 0; i < rounds; i++) {
                for (int way = 0; way < 2; way++) {
                    agreement.any(false);
                    long start = System.nanoTime();
                    waiting[way][i] = steps.get(way).run().seconds().exchange();
                    whole[way][i] = (System.nanoTime() - start) * 1e-9;
                }
                ratios[i] = whole[1][i] / whole[0][i];
            }
            if (ranks.isRoot()) {
                System.out.printf(
                        Locale.ROOT,
                        "waiting at the end %.3f s, beside %.3f s; beside / at the end %.3f (%.3f to %.3f)%n",
                        part(waiting[0], 0.5),
                        part(waiting[1], 0.5),
                        part(ratios, 0.5),
                        part(ratios, 0.25),
                        part(ratios, 0.75));
            }
        }
    }

    private static double part(double[] all, double where) {
        double[] sorted = Arrays.copyOfRange(all, WARM_UP, all.length);
        Arrays.sort(sorted);
        return sorted[(int) (where * sorted.length)];
    }

    /** Transformer blocks and nothing else. */
    private static final class Blocks implements Objective {
        private final int width;
        private final boolean beside;
        private final boolean recomputed;
        private final ParameterStore store;
        private final Map<String, Parameter> parameters = new LinkedHashMap<>();
        private final List<AdaLnZeroBlock> blocks = new ArrayList<>();

        Blocks(NDManager manager, int width, int depth, boolean beside, boolean recomputed) {
            this.width = width;
            this.beside = beside;
            this.recomputed = recomputed;
            store = new ParameterStore(manager, false);
            for (int b = 0; b < depth; b++) {
                AdaLnZeroBlock block = new AdaLnZeroBlock(width, 6, 4, false, Precision.FLOAT32);
                for (Map.Entry<String, Parameter> entry :
                        ParameterKeys.of(block).entrySet()) {
                    int size = Math.toIntExact(entry.getValue().getShape().size());
                    entry.getValue().setInitializer(Initializers.constant(values(b, size, 0.05)));
                    parameters.put("blocks." + b + "." + entry.getKey(), entry.getValue());
                }
                block.initialize(manager, DataType.FLOAT32, new Shape(1, TOKENS, width), new Shape(1, width));
                blocks.add(block);
            }
        }

        @Override
        public Map<String, Parameter> parameters() {
            return parameters;
        }

        @Override
        public StepLosses loss(NDManager scratch, long step, long first, int count) {
            Shape shape = new Shape(count, TOKENS, width);
            NDArray x = OwnedArrays.of(scratch, shape, values(first, Math.toIntExact(shape.size()), 1));
            Recomputation walk = recomputed ? new Recomputation() : beside ? Recomputation.ofNothing() : null;
            BlockRunner runner = walk == null ? BlockRunner.PLAIN : walk;
            NDArray c = runner.join(x.get(":, 0").duplicate());
            for (AdaLnZeroBlock block : blocks) {
                x = runner.run(block, store, true, x, c);
            }
            NDArray loss = x.square().mean();
            if (walk == null) {
                return new StepLosses(loss, Map.of());
            }
            return beside
                    ? new StepLosses(loss, Map.of(), 0, walk)
                    : new StepLosses(
                            loss, Map.of(), 0, (total, weights, owner) -> walk.gradients(total, weights, owner));
        }

        private static float[] values(long seed, int count, double size) {
            SplittableRandom random = new SplittableRandom(seed);
            float[] values = new float[count];
            for (int i = 0; i < count; i++) {
                values[i] = (float) random.nextDouble(-size, size);
            }
            return values;
        }
    }
}
