package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.internal.MemoryShortage;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainStep.StepMemoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A step that cannot get its memory ends the run with one message, and the run goes on from its last state. */
class StepMemoryTest {
    /** 2⁴⁶ floats are more than a process of today's processors can address. */
    private static final Shape TOO_LARGE = new Shape(1L << 46);

    @TempDir
    private Path folder;

    @Test
    void engineWithoutMemoryEndsTheRunAndTheRunGoesOnFromItsLastState() throws Exception {
        Path whole = folder.resolve("whole");
        Path broken = folder.resolve("broken");
        try (RunningTiny run = new RunningTiny(whole, RunningTiny.TWENTY)) {
            run.loop().run();
        }
        List<StopReason> ends = new ArrayList<>();
        TrainListener watch = new TrainListener() {
            @Override
            public void onEnd(StopReason reason, TrainState state) {
                ends.add(reason);
            }
        };
        try (RunningTiny run = new RunningTiny(broken, RunningTiny.TWENTY, watch)) {
            run.objective().interrupt(() -> {
                if (run.state().step() == 12) {
                    run.manager().zeros(TOO_LARGE).close();
                }
            });

            assertThatThrownBy(() -> run.loop().run())
                    .isInstanceOfSatisfying(StepMemoryException.class, e -> {
                        assertThat(e.shortage().place()).isEqualTo(MemoryShortage.Place.HOST);
                        assertThat(e.shortage().asked()).hasValue(1L << 48);
                    })
                    .hasMessageStartingWith("step 13 ran out of memory: while computing the gradients of 2 samples at a"
                            + " time, 281475.0 GB of the machine's memory could not be had (");
        }
        try (RunningTiny run = new RunningTiny(broken, RunningTiny.TWENTY)) {
            run.loop().run();
        }

        assertThat(ends).containsExactly(StopReason.FAILED);
        for (String file : List.of("weights", "ema", "exp_avg", "exp_avg_sq")) {
            String path = "checkpoints/state-0000020/" + file + ".safetensors";
            assertThat(broken.resolve(path)).as(file).hasSameBinaryContentAs(whole.resolve(path));
        }
    }

    @Test
    void javaWithoutMemoryIsTheSame() throws Exception {
        try (RunningTiny run = new RunningTiny(folder, RunningTiny.TWENTY)) {
            run.objective().interrupt(() -> {
                throw new OutOfMemoryError("Java heap space");
            });

            assertThatThrownBy(() -> run.loop().run())
                    .isInstanceOf(StepMemoryException.class)
                    .hasMessage("step 1 ran out of memory: while computing the gradients of 2 samples at a time, an"
                            + " unknown number of bytes of the Java heap could not be had (Java heap space)");
        }
    }

    @Test
    void otherFailuresStayWhatTheyAre() throws Exception {
        try (RunningTiny run = new RunningTiny(folder, RunningTiny.TWENTY)) {
            IllegalStateException failure = new IllegalStateException("no");
            run.objective().interrupt(() -> {
                throw failure;
            });

            assertThatThrownBy(() -> run.loop().run()).isSameAs(failure);
        }
    }

    @Test
    void adviceFollowsTheMessage() {
        MemoryShortage shortage = MemoryShortage.in(new OutOfMemoryError("x")).orElseThrow();
        StepMemoryException failure = StepMemoryException.of(3, 1, "using the gradients", shortage, new Error());

        assertThat(failure.withAdvice("try less"))
                .hasMessage(
                        "step 3 ran out of memory: while using the gradients of 1 sample, an unknown number of bytes"
                                + " of the Java heap could not be had (x)\ntry less");
    }
}
