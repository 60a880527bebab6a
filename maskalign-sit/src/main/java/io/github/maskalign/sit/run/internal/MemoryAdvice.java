package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.engine.internal.MemoryShortage;
import io.github.maskalign.core.train.TrainConfig;
import io.github.maskalign.sit.run.RunConfig;
import java.util.ArrayList;
import java.util.List;

/** What to change in a config whose steps do not find enough memory, the changes that cost least first. */
public final class MemoryAdvice {
    private MemoryAdvice() {}

    /**
     * Returns advice for a run.
     *
     * @param run its config
     * @param place which memory was short
     * @param ranks number of processes that share each step
     */
    public static String of(RunConfig run, MemoryShortage.Place place, int ranks) {
        List<String> free = new ArrayList<>();
        List<String> other = new ArrayList<>();
        TrainConfig train = run.train();
        switch (place) {
            case JAVA_HEAP -> free.add("MASKALIGN_JAVA_OPTS=-Xmx8g");
            case JAVA_DIRECT -> free.add("MASKALIGN_JAVA_OPTS=-XX:MaxDirectMemorySize=4g");
            case HOST, DEVICE -> {
                if (place == MemoryShortage.Place.HOST && train.asyncSave()) {
                    free.add("train.asyncSave=false (frees a copy of the whole state)");
                }
                int next = accumulation(train, ranks);
                if (next > 0) {
                    free.add("train.accumulation=" + next + " (now " + train.accumulation() + ")");
                }
                if (train.activationCheckpointing() != 1) {
                    free.add("train.activationCheckpointing=1 (a third more time, the same gradients)");
                }
                if (place == MemoryShortage.Place.DEVICE) {
                    free.add("PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True in the environment, if the memory is"
                            + " there but in pieces");
                }
                if (run.runtime().precision() != RunPrecision.BFLOAT16) {
                    other.add("runtime.precision=BFLOAT16");
                }
                if (run.subset().placement() != SubsetPlacement.NONE
                        && run.subset().placement() != SubsetPlacement.LOSS_ONLY) {
                    other.add("a larger subset.ratio (now "
                            + run.subset().dropping().ratio() + ")");
                }
            }
        }
        if (run.data().readAhead() > 0 && place != MemoryShortage.Place.DEVICE) {
            free.add("a smaller data.readAhead (now " + run.data().readAhead() + ")");
        }
        StringBuilder text = new StringBuilder(
                "what has been saved is unharmed; the same command goes on from there, with one or more of");
        free.forEach(change -> text.append("\n  ").append(change));
        if (!other.isEmpty()) {
            text.append("\nor, as another run, with ").append(String.join(" or ", other));
        }
        return text.toString();
    }

    /** Returns the next number of micro-batches that divides the batch, or 0 if each has one sample already. */
    private static int accumulation(TrainConfig train, int ranks) {
        for (int a = train.accumulation() + 1; (long) a * ranks <= train.globalBatch(); a++) {
            if (train.globalBatch() % a == 0) {
                return a;
            }
        }
        return 0;
    }
}
