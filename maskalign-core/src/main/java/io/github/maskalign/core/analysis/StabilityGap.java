package io.github.maskalign.core.analysis;

import io.github.maskalign.core.analysis.Measured.Resampling;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * How much the alignment loss rises when the model sees a subset of the tokens: MaskAlign Sec. 5.2, {@code G = L_mask − L_full}
 * on the same pictures, t, noise and labels.
 *
 * <p>With s the cosines, N patch tokens of which N_m are seen, and a class token, {@code L_full = −(s_cls + N s̄) / (N + 1)} and
 * {@code L_mask = −(s'_cls + N_m s̄') / (N_m + 1)}. The class token weighs more in L_mask, so G is not 0 even if no token
 * changes: it is then the artefact {@code (s̄ − s_cls) (1/(N_m+1) − 1/(N+1))}.
 *
 * <p>Masks of one picture are not independent: values are first averaged over a picture's masks, and errors and intervals are
 * those of the pictures' means. Values of several t are measured apart, one call for each.
 *
 * @param total G
 * @param artefact what of G is the change of weights alone; 0 without a class token
 * @param corrected G − artefact, taken picture by picture
 * @param patchPart s̄ − s̄', the gap of the patch tokens by themselves
 * @param classPart s_cls − s'_cls, the gap of the class token by itself; empty without a class token
 * @param pictureVariance variance of G between pictures, without what the masks add; not below 0
 * @param maskVariance mean variance of G between masks of one picture; NaN with one mask per picture
 */
public record StabilityGap(
        Measured total,
        Measured artefact,
        Measured corrected,
        Measured patchPart,
        Optional<Measured> classPart,
        double pictureVariance,
        double maskVariance) {

    /**
     * Cosines of the aligned tokens with their targets.
     *
     * @param fullPatch s̄ of each picture's N patch tokens in a full forward, (pictures)
     * @param maskedPatch s̄' of the N_m tokens seen in each masked forward, (pictures, masks), equally many masks for each
     * @param fullClass s_cls in the full forward, (pictures); empty without a class token
     * @param maskedClass s'_cls in each masked forward, (pictures, masks); empty without a class token
     */
    public record Cosines(double[] fullPatch, double[][] maskedPatch, double[] fullClass, double[][] maskedClass) {
        public Cosines {
            check(
                    "patch",
                    fullPatch,
                    maskedPatch,
                    fullPatch.length,
                    maskedPatch.length == 0 ? 0 : maskedPatch[0].length);
            if (fullClass.length > 0 || maskedClass.length > 0) {
                check("class", fullClass, maskedClass, fullPatch.length, maskedPatch[0].length);
            }
        }

        private static void check(String name, double[] full, double[][] masked, int pictures, int masks) {
            if (full.length != pictures || masked.length != pictures || pictures < 2 || masks < 1) {
                throw new IllegalArgumentException(name + " cosines must be of the same pictures, at least 2, with at"
                        + " least one mask, but are of " + full.length + " and " + masked.length);
            }
            Measured.checkValues("full " + name + " cosines", full, 2);
            for (int i = 0; i < pictures; i++) {
                if (masked[i].length != masks) {
                    throw new IllegalArgumentException("all pictures must have " + masks + " masks but picture " + i
                            + " has " + masked[i].length + " " + name + " cosines");
                }
                Measured.checkValues("masked " + name + " cosines of picture " + i, masked[i], 1);
            }
        }
    }

    /**
     * Measures the gap.
     *
     * @param tokens N, patch tokens of a picture
     * @param kept N_m, those that a masked forward sees, in [1, N]
     */
    public static StabilityGap of(Cosines cosines, int tokens, int kept, Resampling resampling) {
        checkSubset(tokens, kept);
        boolean classToken = cosines.fullClass().length > 0;
        int pictures = cosines.fullPatch().length;
        int masks = cosines.maskedPatch()[0].length;
        double weight = classToken ? 1.0 / (kept + 1) : 0;
        double fullWeight = classToken ? 1.0 / (tokens + 1) : 0;
        double[][] gaps = new double[pictures][masks];
        double[] artefact = new double[pictures];
        for (int i = 0; i < pictures; i++) {
            double patch = cosines.fullPatch()[i];
            double cls = classToken ? cosines.fullClass()[i] : 0;
            for (int j = 0; j < masks; j++) {
                double maskedClass = classToken ? cosines.maskedClass()[i][j] : 0;
                double masked = -(weight * maskedClass + (1 - weight) * cosines.maskedPatch()[i][j]);
                gaps[i][j] = masked + (fullWeight * cls + (1 - fullWeight) * patch);
            }
            artefact[i] = (patch - cls) * (weight - fullWeight);
        }
        double[] means = rowMeans(gaps);
        double within = masks == 1
                ? Double.NaN
                : Resampled.mean(
                        Arrays.stream(gaps).mapToDouble(Resampled::variance).toArray());
        double between = Resampled.variance(means) - (masks == 1 ? 0 : within / masks);
        return new StabilityGap(
                Measured.mean(means, resampling),
                Measured.mean(artefact, resampling),
                Measured.mean(difference(means, artefact), resampling),
                Measured.mean(difference(cosines.fullPatch(), rowMeans(cosines.maskedPatch())), resampling),
                classToken
                        ? Optional.of(Measured.mean(
                                difference(cosines.fullClass(), rowMeans(cosines.maskedClass())), resampling))
                        : Optional.empty(),
                Math.max(0, between),
                within);
    }

    /**
     * Returns the variance over uniformly random subsets of one picture's patch gap when no token is dropped (LOSS_ONLY), whose
     * mean is exactly 0: {@code S² / N_m · (1 − N_m / N)} with S² the variance of the cosines, divided by N − 1. A gap of a
     * masked forward that is not larger says nothing.
     *
     * @param cosines of all N patch tokens, at least 2
     * @param kept N_m, in [1, N]
     */
    public static double lossOnlyVariance(double[] cosines, int kept) {
        Measured.checkValues("cosines", cosines, 2);
        checkSubset(cosines.length, kept);
        return Resampled.variance(cosines) / kept * (1 - (double) kept / cosines.length);
    }

    private static void checkSubset(int tokens, int kept) {
        if (kept < 1 || kept > tokens) {
            throw new IllegalArgumentException("kept must be in [1, " + tokens + "] but was " + kept);
        }
    }

    private static double[] rowMeans(double[][] rows) {
        return Arrays.stream(rows).mapToDouble(Resampled::mean).toArray();
    }

    private static double[] difference(double[] a, double[] b) {
        return IntStream.range(0, a.length).mapToDouble(i -> a[i] - b[i]).toArray();
    }
}
