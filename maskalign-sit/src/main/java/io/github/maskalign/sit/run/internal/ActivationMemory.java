package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.sit.SiTConfig;
import java.util.ArrayList;
import java.util.List;

/**
 * An estimate of what a forward pass keeps for the backward pass.
 *
 * <p>A block of width D and MLP ratio r keeps for each token, in numbers: its input, both normalised inputs and the sum
 * in between (4 D), the modulated inputs of its two halves (2 D), q, k, v and the attended values (4 D), the results of
 * the two halves (2 D), and the MLP's hidden layer before and after GELU (2 r D):
 *
 * <pre>
 * float32   4 · (12 + 2 r) D bytes                          80 D with r = 4
 * bfloat16  4 · 4 D + 2 · (8 + 2 r) D bytes                 48 D with r = 4
 * </pre>
 *
 * <p>A projector of width P keeps {@code 4 P} numbers and, with the loss, {@code 3 Z} of float32. With activation
 * checkpointing a recomputed block keeps its result alone (4 D bytes), and the largest of them exists once. Attention
 * weights are kept in blocks with a bias by position alone (MASKED_PASS). What is left out (embedders, head, the class token's parts) is small.
 */
public final class ActivationMemory {
    private static final int FLOAT = 4;
    private static final int HALF = 2;

    private ActivationMemory() {}

    /**
     * Returns the estimate in bytes.
     *
     * @param config the model
     * @param precision arithmetic of its matrix products
     * @param samples samples of one pass
     * @param kept patch tokens kept of {@link SiTConfig#tokens()}; all of them where no token is dropped
     * @param activationCheckpointing 0, or which blocks compute their activations again
     */
    public static long bytes(
            SiTConfig config, Precision precision, int samples, int kept, int activationCheckpointing) {
        List<Part> parts = parts(config, precision, samples, kept);
        long sum = 0;
        long largest = 0;
        for (int i = 0; i < parts.size(); i++) {
            Part part = parts.get(i);
            if (activationCheckpointing > 0 && i % activationCheckpointing == 0) {
                sum += part.result();
                largest = Math.max(largest, part.inside());
            } else {
                sum += part.inside();
            }
        }
        return sum + largest;
    }

    /** What one block or projector keeps, and how large its result is; bytes both. */
    private record Part(long inside, long result) {}

    private static List<Part> parts(SiTConfig config, Precision precision, int samples, int kept) {
        boolean half = precision == Precision.BFLOAT16;
        int classTokens = config.hasClassToken() ? 1 : 0;
        long all = (long) samples * (config.tokens() + classTokens);
        long some = (long) samples * (kept + classTokens);
        if (config.subset().placement() == SubsetPlacement.MASKED_PASS) {
            return longSkips(config, half, samples, kept);
        }
        List<Part> parts = new ArrayList<>();
        int mixerWidth = config.mixer().width() == 0
                ? config.model().hiddenSize()
                : config.mixer().width();
        for (int i = 0; i < config.mixer().layers(); i++) {
            parts.add(block(all, mixerWidth, config.mixer().mlpRatio(), false, half));
        }
        for (int i = 0; i < config.model().depth(); i++) {
            boolean away = switch (config.subset().placement()) {
                case NONE, LOSS_ONLY, MASKED_PASS -> false;
                case DROP, DROP_REINSERT -> true;
                case SPARSE ->
                    config.subset().sparse().between(i, config.model().depth());
                case ROUTE ->
                    i >= config.route().routeStart() && i <= config.route().routeEnd();
            };
            parts.add(block(
                    away ? some : all,
                    config.model().hiddenSize(),
                    config.model().mlpRatio(),
                    config.model().qkNorm(),
                    half));
            for (int k = 0; k < config.encoderWidths().size(); k++) {
                if (i + 1 == config.align().depthOf(k)) {
                    parts.add(projector(
                            away ? some : all,
                            config.align().projectorDim(),
                            config.encoderWidths().get(k),
                            half));
                }
            }
        }
        config.subset().decoder().ifPresent(decoder -> {
            for (int i = 0; i < decoder.layers(); i++) {
                parts.add(block(
                        all,
                        decoder.width(),
                        config.model().mlpRatio(),
                        config.model().qkNorm(),
                        half));
            }
        });
        return parts;
    }

    /** All tokens and, where some are dropped, a second pass. */
    private static List<Part> longSkips(SiTConfig config, boolean half, int samples, int kept) {
        List<Part> parts = new ArrayList<>();
        int last = config.subset().sparse().dense();
        int each = (config.model().depth() - last) / 2;
        for (int seen : kept < config.tokens() ? new int[] {config.tokens(), kept} : new int[] {config.tokens()}) {
            for (int i = 0; i < 2 * each; i++) {
                parts.add(biased(config, samples, seen, i >= each, half));
            }
            if (seen < config.tokens()) {
                parts.add(biased(config, samples, config.tokens(), false, half));
            }
            for (int i = 0; i < last; i++) {
                parts.add(biased(config, samples, config.tokens(), true, half));
            }
        }
        return parts;
    }

    /** A block with a bias by position: attention weights, the bias, which differs by sample in a subset, and a long skip. */
    private static Part biased(SiTConfig config, int samples, long tokens, boolean skip, boolean half) {
        long width = config.model().hiddenSize();
        Part plain = block(samples * tokens, width, config.model().mlpRatio(), false, half);
        long square = config.model().numHeads() * tokens * tokens;
        long biases = (tokens < config.tokens() ? samples : 1) * square;
        long more = samples * square + biases + (skip ? samples * tokens * 2 * width : 0);
        return new Part(plain.inside() + (half ? HALF : FLOAT) * more, plain.result());
    }

    private static Part block(long tokens, long width, double ratio, boolean qkNorm, boolean half) {
        long hidden = (long) (ratio * width);
        long wide = 4 * width + (qkNorm ? 2 * width : 0);
        long narrow = 8 * width + 2 * hidden;
        long inside = tokens * (FLOAT * wide + (half ? HALF : FLOAT) * narrow);
        return new Part(inside, FLOAT * tokens * width);
    }

    private static Part projector(long tokens, long hidden, long encoderWidth, boolean half) {
        long inside = tokens * ((half ? HALF : FLOAT) * 4 * hidden + FLOAT * 3 * encoderWidth);
        return new Part(inside, FLOAT * tokens * encoderWidth);
    }
}
