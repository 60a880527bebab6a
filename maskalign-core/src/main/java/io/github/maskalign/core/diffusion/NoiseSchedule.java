package io.github.maskalign.core.diffusion;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * DDPM's chain of discrete steps, or a part of it for sampling: β_n rises from 1e-4 to 0.02 in 1,000 equal parts, and
 * ᾱ_n = Π (1 − β).
 *
 * <p>A part keeps ᾱ at its steps, so that β'_k = 1 − ᾱ_k / ᾱ_{k−1}, while the network is still told the step of the whole chain.
 * Step n stands at time t = n / 1000 of our axis. All numbers are float64. Source: facebookresearch/DiT,
 * {@code diffusion/respace.py}, the schedule {@code linear}.
 */
public final class NoiseSchedule {
    /** Steps of the whole chain. */
    public static final int STEPS = 1000;

    private static final double FIRST_BETA = 1e-4;
    private static final double LAST_BETA = 0.02;
    private static final NoiseSchedule WHOLE =
            new NoiseSchedule(IntStream.range(0, STEPS).toArray());

    private final int[] steps;
    private final double[] alphaBars;

    private NoiseSchedule(int[] steps) {
        this.steps = steps;
        double[] all = new double[STEPS];
        double product = 1;
        for (int n = 0; n < STEPS; n++) {
            product *= 1 - (FIRST_BETA + (LAST_BETA - FIRST_BETA) * n / (STEPS - 1));
            all[n] = product;
        }
        alphaBars = Arrays.stream(steps).mapToDouble(n -> all[n]).toArray();
    }

    /** Returns all 1,000 steps. */
    public static NoiseSchedule whole() {
        return WHOLE;
    }

    /**
     * Returns so many steps in equal parts from the first to the last one, each rounded to the nearest (ties to the even
     * one): DiT's {@code --num-sampling-steps 250}.
     *
     * @param count number of steps, in [2, 1000]
     */
    public static NoiseSchedule spaced(int count) {
        requireCount(count);
        double stride = (STEPS - 1.0) / (count - 1);
        int[] steps = new int[count];
        double at = 0;
        for (int k = 0; k < count; k++) {
            steps[k] = (int) Math.rint(at);
            at += stride; // summed, as the original does
        }
        return new NoiseSchedule(steps);
    }

    /**
     * Returns every i-th step from the first on, i the smallest that gives so many: the spacing {@code ddim50}.
     *
     * @param count number of steps, in [2, 1000]
     * @throws IllegalArgumentException if no whole i does; names the nearest counts that there are
     */
    public static NoiseSchedule strided(int count) {
        requireCount(count);
        int fewer = 2;
        int more = STEPS;
        for (int stride = 1; stride < STEPS; stride++) {
            int found = (STEPS + stride - 1) / stride;
            if (found == count) {
                int every = stride;
                return new NoiseSchedule(
                        IntStream.range(0, count).map(k -> k * every).toArray());
            }
            if (found < count) {
                fewer = Math.max(fewer, found);
            } else {
                more = Math.min(more, found);
            }
        }
        throw new IllegalArgumentException("steps must divide the " + STEPS
                + " steps of the chain by a whole stride, such as " + fewer + " or " + more + ", but was " + count);
    }

    private static void requireCount(int count) {
        if (count < 2 || count > STEPS) {
            throw new IllegalArgumentException(
                    "steps must be in [2, " + STEPS + "] on a chain of " + STEPS + " steps but was " + count);
        }
    }

    /** Returns the number of steps. */
    public int size() {
        return steps.length;
    }

    /** Returns which step of the whole chain the k-th is, 0 to 999. */
    public int step(int k) {
        return steps[k];
    }

    /** Returns the time of the k-th step, n / 1000. */
    public double time(int k) {
        return (double) steps[k] / STEPS;
    }

    /** Returns ᾱ at the k-th step. */
    public double alphaBar(int k) {
        return alphaBars[k];
    }

    /** Returns ᾱ at the step before the k-th, 1 before the first. */
    public double alphaBarBefore(int k) {
        return k == 0 ? 1 : alphaBars[k - 1];
    }

    /** Returns β of the k-th step of this part. */
    public double beta(int k) {
        return 1 - alphaBar(k) / alphaBarBefore(k);
    }

    /** Returns β̃, the variance of q(x_{k−1} | x_k, x*); for the first step, which has none, that of the second. */
    public double posteriorVariance(int k) {
        int at = Math.max(k, 1);
        return beta(at) * (1 - alphaBarBefore(at)) / (1 - alphaBar(at));
    }

    /** Returns the share of x* in the mean of q(x_{k−1} | x_k, x*). */
    public double posteriorClean(int k) {
        return beta(k) * Math.sqrt(alphaBarBefore(k)) / (1 - alphaBar(k));
    }

    /** Returns the share of x_k in the mean of q(x_{k−1} | x_k, x*). */
    public double posteriorState(int k) {
        return (1 - alphaBarBefore(k)) * Math.sqrt(1 - beta(k)) / (1 - alphaBar(k));
    }
}
