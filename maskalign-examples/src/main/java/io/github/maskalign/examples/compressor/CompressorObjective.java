package io.github.maskalign.examples.compressor;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import io.github.maskalign.core.data.internal.EpochOrder;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.train.Objective;
import java.util.Map;

/** The loss of a compressor on the tokens of pictures, by position in the run's stream. */
final class CompressorObjective implements Objective {
    private final TokenSet tokens;
    private final int[] pictures;
    private final EpochOrder order;
    private final CompressorNetwork network;
    private final NDArray mean;
    private final NDArray std;

    /**
     * Makes fresh weights, drawn from the engine's generator as the run's seed says.
     *
     * @param pictures the pictures to learn from
     * @param standard what tokens are standardised by
     */
    CompressorObjective(
            CompressorConfig config,
            TokenSet tokens,
            int[] pictures,
            TokenShares.Standard standard,
            NDManager manager) {
        this.tokens = tokens;
        this.pictures = pictures;
        order = new EpochOrder(new Draws(config.seed()), pictures.length);
        manager.getEngine().setRandomSeed(Math.floorMod(config.seed(), Integer.MAX_VALUE));
        network = new CompressorNetwork(tokens.width(), config.hidden(), config.channels(), manager);
        Shape width = new Shape(tokens.width());
        mean = OwnedArrays.of(manager, width, standard.mean());
        std = OwnedArrays.of(manager, width, standard.std());
    }

    CompressorNetwork network() {
        return network;
    }

    @Override
    public Map<String, Parameter> parameters() {
        return network.parameters();
    }

    @Override
    public StepLosses loss(NDManager scratch, long step, long firstPosition, int count) {
        long start = System.nanoTime();
        int[] some = new int[count];
        for (int i = 0; i < count; i++) {
            some[i] = pictures[order.indexAt(firstPosition + i)];
        }
        NDArray x = standardised(scratch, some);
        double dataSeconds = (System.nanoTime() - start) * 1e-9;
        NDArray loss = network.loss(x);
        return new StepLosses(loss, Map.of("mse", loss), dataSeconds);
    }

    /** Returns the standardised tokens (N, Z, G, G) of pictures. */
    NDArray standardised(NDManager owner, int[] some) {
        return CompressorNetwork.standardised(tokens.tokens(owner, some), mean, std, tokens.grid());
    }
}
