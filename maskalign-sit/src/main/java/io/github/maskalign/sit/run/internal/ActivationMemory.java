package io.github.maskalign.sit.run.internal;

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
 * weights are never kept. What is left out (embedders, head, the class token's parts) is small.
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
        List<Part> parts = new ArrayList<>();
        int mixerWidth = config.mixer().width() == 0
                ? config.model().hiddenSize()
                : config.mixer().width();
        for (int i = 0; i < config.mixer().layers(); i++) {
            parts.add(block(all, mixerWidth, config.mixer().mlpRatio(), false, half));
        }
        for (int i = 0; i < config.model().depth(); i++) {
            boolean away = switch (config.subset().placement()) {
                case NONE, LOSS_ONLY -> false;
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
