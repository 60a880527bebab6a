package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.engine.DeviceCounts;
import io.github.maskalign.core.engine.ProfiledCalls;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.examples.CommandRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a step asks of the device, and how often the host waits for it: no more than {@link StepBudget} allows. */
@Tag("fakegpu")
class StepBudgetTest {
    private static final List<String> TABLE = new ArrayList<>(List.of(StepBudget.HEAD));

    @TempDir
    Path root;

    @AfterAll
    static void show() {
        System.out.println(String.join(System.lineSeparator(), TABLE));
    }

    @Test
    void trainingStep() throws IOException {
        DeviceCounts one = step("one", StepBudget.settings("train.steps=3"));
        DeviceCounts four = step("four", StepBudget.settings("train.steps=3", "train.accumulation=4"));
        DeviceCounts more = four.since(one).per(3);

        assertThat(four.allUploads() - one.allUploads()).isEqualTo(3 * more.allUploads());
        assertThat(more.allUploads()).isPositive();
        assertThat(one.allUploads())
                .as("copies of a step besides those of its micro-batch")
                .isLessThanOrEqualTo(more.allUploads());
        assertThat(one.waits()).isPositive();
        check(StepBudget.TRAINING, one);
        check(StepBudget.MICRO_BATCH, more);
    }

    @Test
    void stepAtTheDepthOfXl() throws IOException {
        DeviceCounts step = step("xl", StepBudget.xl("train.steps=3"));

        assertThat(step.operations()).isGreaterThan(1000);
        assertThat(step.casts()).isPositive();
        check(StepBudget.XL, step);
    }

    @Test
    void samplingStep() throws IOException {
        Path run = root.resolve("run");
        List<String> settings = new ArrayList<>(CountedRun.TINY);
        settings.add("train.steps=1");
        settings.add("model.patchSize=2");
        CountedRun.train("quickstart.yaml", run, 0, settings);

        Map<String, StepBudget> budgets = new LinkedHashMap<>();
        budgets.put("sde", StepBudget.SDE);
        budgets.put("ode", StepBudget.ODE);
        budgets.put("heun", StepBudget.HEUN);
        for (Map.Entry<String, StepBudget> entry : budgets.entrySet()) {
            DeviceCounts few = sampled(run, entry.getKey(), 4);
            DeviceCounts many = sampled(run, entry.getKey(), 8);
            DeviceCounts step = many.since(few).per(4);

            assertThat(step.operations()).isPositive();
            check(entry.getValue(), step);
        }
    }

    /** What the engine's profiler says, which is all that there is on a real GPU, is what the pretended one did. */
    @Test
    void theProfilerCountsTheSame() throws IOException {
        List<ProfiledCalls> profiled = new ArrayList<>();
        List<DeviceCounts> counted = new ArrayList<>();
        CountedRun.open("quickstart.yaml", root.resolve("profiled"), StepBudget.xl("train.steps=3"), step -> {
                    if (step == 2) {
                        counted.add(DeviceCounts.now());
                        ProfiledCalls.start();
                    } else if (step == 3) {
                        profiled.add(ProfiledCalls.stop());
                        counted.add(DeviceCounts.now().since(counted.get(0)));
                    }
                })
                .run();

        ProfiledCalls found = profiled.get(0);
        DeviceCounts expected = counted.get(1);
        long copies = expected.allUploads() + expected.downloads();
        // the host's own arrays are in it too
        assertThat(found.operations())
                .isBetween(expected.operations(), (long) (1.02 * (expected.operations() + copies)));
        assertThat(found.casts()).isBetween(expected.casts(), expected.casts() + copies);
    }

    private static void check(StepBudget most, DeviceCounts found) {
        TABLE.add(most.row(found.operations(), found.casts(), found.allUploads(), found.waits()));
        assertThat(found.operations()).as(most.what()).isLessThanOrEqualTo(most.operations());
        assertThat(found.casts()).as(most.what()).isLessThanOrEqualTo(most.casts());
        assertThat(found.allUploads()).as(most.what()).isLessThanOrEqualTo(most.uploads());
        assertThat(found.waits()).as(most.what()).isLessThanOrEqualTo(most.waits());
    }

    private DeviceCounts step(String name, List<String> settings) throws IOException {
        return CountedRun.train("quickstart.yaml", root.resolve(name), 0, settings)
                .counts()
                .get(2L);
    }

    private DeviceCounts sampled(Path run, String sampler, int steps) throws IOException {
        Path file = root.resolve(sampler + steps + ".safetensors");
        CommandRun command = new CommandRun();
        DeviceCounts counts =
                DeviceCounts.of(() -> assertThat(command.run(StepBudget.sampling(run, sampler, steps, file)))
                        .as(command.err())
                        .isZero());
        try (SafetensorsFile opened = SafetensorsFile.open(file)) {
            for (float value : opened.floats("latents")) {
                assertThat(value).isFinite();
            }
        }
        Files.delete(file);
        return counts;
    }
}
