package io.github.maskalign.examples.compressor;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.internal.EpochOrder;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.random.Draws;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Which pictures of a token set a compressor learns from, which are held out, and by what tokens are standardised. */
final class TokenShares {
    /** Pictures from which the published statistics are made: 300 batches of 256. */
    static final int MOST_PICTURES = 76_800;

    private static final Logger LOG = LoggerFactory.getLogger(TokenShares.class);
    private static final int BATCH = 64;

    private final int[] learnt;
    private final int[] heldOut;

    /**
     * Divides a set; which pictures are held out depends on the numbers alone.
     *
     * @param size pictures of the set
     * @param heldOut how many are held out
     * @throws IllegalArgumentException if fewer than two are left
     */
    TokenShares(int size, int heldOut) {
        if (size - heldOut < 2) {
            throw new IllegalArgumentException(
                    "heldOut must leave at least two of the " + size + " pictures to learn from but was " + heldOut);
        }
        EpochOrder order = new EpochOrder(new Draws(0), size);
        int[] all = new int[size];
        Arrays.setAll(all, order::indexAt);
        this.heldOut = Arrays.copyOf(all, heldOut);
        this.learnt = Arrays.copyOfRange(all, heldOut, size);
    }

    /** Returns the pictures to learn from. */
    int[] learnt() {
        return learnt.clone();
    }

    /** Returns the pictures that are held out. */
    int[] heldOut() {
        return heldOut.clone();
    }

    /**
     * What tokens are standardised by.
     *
     * @param mean of each channel (Z)
     * @param std deviation of the population (Z); 1 for a channel that is the same everywhere
     */
    record Standard(float[] mean, float[] std) {}

    /**
     * Returns the statistics of what is learnt from, measured once and kept in a file.
     *
     * @param file where they are kept
     */
    Standard standard(TokenSet tokens, Path file, Device device) throws IOException {
        int pictures = Math.min(MOST_PICTURES, learnt.length);
        Map<String, String> facts = new TreeMap<>(tokens.facts());
        facts.put("pictures", Integer.toString(pictures));
        if (Files.exists(file)) {
            try (SafetensorsFile kept = SafetensorsFile.open(file)) {
                if (kept.metadata().equals(facts)) {
                    return new Standard(
                            kept.stateDict().get("mean").floats(),
                            kept.stateDict().get("std").floats());
                }
            }
            LOG.warn("Measuring the tokens again, as {} is of others", file);
        }
        Standard made = measured(tokens, pictures, device);
        Shape width = new Shape(tokens.width());
        SafetensorsWriter.write(
                file,
                StateDict.ofTensors(
                        Map.of("mean", TensorSource.of(width, made.mean), "std", TensorSource.of(width, made.std))),
                facts);
        return made;
    }

    private Standard measured(TokenSet tokens, int pictures, Device device) {
        int width = tokens.width();
        double[] sum = new double[width];
        double[] squares = new double[width];
        long count = 0;
        LOG.info("the tokens of {} pictures are measured", pictures);
        try (GradMode values = GradMode.off();
                NDManager manager = NDManager.newBaseManager(device)) {
            for (int first = 0; first < pictures; first += BATCH) {
                int[] some = Arrays.copyOfRange(learnt, first, Math.min(pictures, first + BATCH));
                try (NDManager scratch = manager.newSubManager()) {
                    NDArray x = tokens.tokens(scratch, some)
                            .toType(DataType.FLOAT64, true)
                            .reshape(-1, width);
                    add(sum, x.sum(new int[] {0}));
                    add(squares, x.mul(x).sum(new int[] {0}));
                    count += x.getShape().get(0);
                }
            }
        }
        float[] mean = new float[width];
        float[] std = new float[width];
        for (int i = 0; i < width; i++) {
            double average = sum[i] / count;
            double variance = squares[i] / count - average * average;
            if (!Double.isFinite(variance)) {
                throw new IllegalArgumentException("channel " + i + " of the tokens is not finite");
            }
            mean[i] = (float) average;
            std[i] = variance > 1e-12 * Math.max(1, average * average) ? (float) Math.sqrt(variance) : 1;
        }
        return new Standard(mean, std);
    }

    private static void add(double[] to, NDArray more) {
        double[] values = more.toDoubleArray();
        for (int i = 0; i < to.length; i++) {
            to[i] += values[i];
        }
    }
}
