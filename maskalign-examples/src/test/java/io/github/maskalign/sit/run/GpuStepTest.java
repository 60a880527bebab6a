package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.engine.ProfiledCalls;
import io.github.maskalign.examples.CommandRun;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A step on a real GPU beside {@link StepBudget}, by the engine's profiler, and the clock's time of a step without the
 * profiler: run with {@code mvn verify -Pcuda,gpu}.
 */
@Tag("gpu")
class GpuStepTest {
    private static final int STEPS = 24;
    private static final List<String> TABLE = new ArrayList<>(List.of(StepBudget.HEAD + "   ms of a step"));

    @TempDir
    Path root;

    @AfterAll
    static void show() {
        System.out.println(String.join(System.lineSeparator(), TABLE));
    }

    @Test
    void trainingStep() throws IOException {
        train("one", StepBudget.TRAINING, StepBudget.settings("train.steps=" + STEPS));
    }

    @Test
    void stepAtTheDepthOfXl() throws IOException {
        train("xl", StepBudget.XL, StepBudget.xl("train.steps=" + STEPS));
    }

    @Test
    void samplingStep() throws IOException {
        Path run = root.resolve("run");
        List<String> settings = new ArrayList<>(CountedRun.TINY);
        settings.add("train.steps=1");
        settings.add("model.patchSize=2");
        CountedRun.open("quickstart.yaml", run, settings, step -> {}).run();

        for (String sampler : List.of("sde", "ode", "heun")) {
            sampled(run, sampler, 4); // loads and compiles
            ProfiledCalls few = sampled(run, sampler, 4);
            ProfiledCalls many = sampled(run, sampler, 8);
            check(
                    switch (sampler) {
                        case "sde" -> StepBudget.SDE;
                        case "ode" -> StepBudget.ODE;
                        default -> StepBudget.HEUN;
                    },
                    many.since(few, 4),
                    "");
        }
    }

    /** Times the second half of the steps, and profiles the last. */
    private void train(String name, StepBudget most, List<String> settings) throws IOException {
        List<ProfiledCalls> calls = new ArrayList<>();
        long[] clock = new long[2];
        CountedRun.open("quickstart.yaml", root.resolve(name), settings, step -> {
                    if (step == STEPS / 2) {
                        clock[0] = System.nanoTime();
                    } else if (step == STEPS - 1) {
                        clock[1] = System.nanoTime();
                        ProfiledCalls.start();
                    } else if (step == STEPS) {
                        calls.add(ProfiledCalls.stop());
                    }
                })
                .run();
        double millis = (clock[1] - clock[0]) * 1e-6 / (STEPS - 1 - STEPS / 2);
        check(most, calls.get(0), String.format(Locale.ROOT, "%8.1f", millis));
    }

    private ProfiledCalls sampled(Path run, String sampler, int steps) {
        CommandRun command = new CommandRun();
        ProfiledCalls.start();
        int code =
                command.run(StepBudget.sampling(run, sampler, steps, root.resolve(sampler + steps + ".safetensors")));
        ProfiledCalls calls = ProfiledCalls.stop();
        assertThat(code).as(command.err()).isZero();
        return calls;
    }

    /** Kernels that exist for GPUs alone may need other calls: the budget is a guide here, and half as much again the limit. */
    private static void check(StepBudget most, ProfiledCalls found, String time) {
        TABLE.add(most.row(found.operations(), found.casts(), -1, -1) + "   " + time);
        assertThat(found.operations()).isBetween(most.operations() / 3, most.operations() * 3 / 2);
        assertThat(found.casts()).isBetween(1L, most.casts() * 3 / 2 + 3);
    }
}
