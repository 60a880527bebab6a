package io.github.maskalign.sit.run;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The most that a step may ask of a GPU. A figure that grew is a step that became slower there; one that fell belongs here
 * too, so that it stays.
 *
 * @param what the step
 * @param operations calls that a GPU starts a kernel for
 * @param casts those of them that copy an array to another type
 * @param uploads copies to the device
 * @param waits times that the host waits for the device: numbers and copies back
 */
record StepBudget(String what, long operations, long casts, long uploads, long waits) {
    /** A step of MaskAlign with a micro-batch and cached tokens, logged; four blocks in float32. */
    static final StepBudget TRAINING = new StepBudget("training step, MaskAlign", 600, 4, 3, 1);

    /** What each micro-batch more adds to it. */
    static final StepBudget MICRO_BATCH = new StepBudget("each micro-batch more", 600, 4, 3, 0);

    /** At SiT-XL/2's depth in bfloat16; the number of operations does not depend on the width. */
    static final StepBudget XL = new StepBudget("training step, depth 28, bfloat16", 3_000, 300, 3, 1);

    /** Steps of the guided samplers, four blocks in float32. */
    static final StepBudget SDE = new StepBudget("guided sde step", 205, 5, 2, 1);

    static final StepBudget ODE = new StepBudget("guided ode step", 155, 5, 0, 1);

    /** Two evaluations. */
    static final StepBudget HEUN = new StepBudget("guided heun step", 315, 10, 0, 1);

    /** The settings of a training step of MaskAlign besides {@link CountedRun#TINY}. */
    static List<String> settings(String... more) {
        List<String> all = new ArrayList<>(CountedRun.TINY);
        all.addAll(List.of("method=maskalign", "model.patchSize=2"));
        all.addAll(List.of(more));
        return all;
    }

    /** The settings of {@link #XL}. */
    static List<String> xl(String... more) {
        List<String> all = settings(
                "model.depth=28",
                "model.hiddenSize=32",
                "model.numHeads=16",
                "align.depth=8",
                "runtime.precision=BFLOAT16");
        all.addAll(List.of(more));
        return all;
    }

    /** The arguments that draw two latents, guided all the way. */
    static Object[] sampling(Object run, String sampler, int steps, Object file) {
        return new Object[] {
            "sample",
            run,
            "--num=2",
            "--cfg=2",
            "--interval=0,1",
            "--sampler=" + sampler,
            "--steps=" + steps,
            "--latents=" + file
        };
    }

    /** Head of a table whose cells are "measured / most". */
    static final String HEAD = String.format(
            Locale.ROOT, "%-34s %14s %11s %10s %9s", "measured / most", "operations", "casts", "uploads", "waits");

    /** Returns a row; a negative number was not measured. */
    String row(long foundOperations, long foundCasts, long foundUploads, long foundWaits) {
        return String.format(
                Locale.ROOT,
                "%-34s %14s %11s %10s %9s",
                what,
                cell(foundOperations, operations),
                cell(foundCasts, casts),
                cell(foundUploads, uploads),
                cell(foundWaits, waits));
    }

    private static String cell(long found, long most) {
        return (found < 0 ? "?" : Long.toString(found)) + " / " + most;
    }
}
