package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.engine.DeviceCounts;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.examples.CommandRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a step asks of the device, and how often the host waits for it: most that is allowed. A figure that grew is a
 * step that became slower on a GPU; one that fell belongs here too, so that it stays.
 */
@Tag("fakegpu")
class StepBudgetTest {
    /** Copies to the device for each micro-batch, with cached tokens. */
    private static final int UPLOADS_OF_MICRO_BATCH = 3;

    /** Copies to the device for each step besides. */
    private static final int UPLOADS_OF_STEP = 0;

    /** Times that the host waits in a step that is logged: numbers and copies back. */
    private static final int WAITS_OF_STEP = 1;

    /** Operations of a step of MaskAlign in bfloat16 at SiT-XL/2's depth without accumulation. */
    private static final int OPERATIONS_OF_XL = 3_000;

    /** Casts among them. */
    private static final int CASTS_OF_XL = 300;

    /** Copies to the device for each step of the guided stochastic sampler. */
    private static final int UPLOADS_OF_SAMPLING = 2;

    /** Times that the host waits in one. */
    private static final int WAITS_OF_SAMPLING = 1;

    @TempDir
    Path root;

    @Test
    void trainingStep() throws IOException {
        DeviceCounts one = step("one", List.of());
        DeviceCounts three = step("three", List.of("train.accumulation=4"));
        // what 3 more micro-batches bring
        long uploads = (three.allUploads() - one.allUploads()) / 3;

        System.out.println(one.line("step of 1 micro-batch"));
        System.out.println(three.line("step of 4 micro-batches"));
        assertThat(three.allUploads() - one.allUploads()).isEqualTo(3 * uploads);
        assertThat(uploads).isBetween(1L, (long) UPLOADS_OF_MICRO_BATCH);
        assertThat(one.allUploads() - uploads).isLessThanOrEqualTo(UPLOADS_OF_STEP);
        assertThat(one.waits()).isBetween(1L, (long) WAITS_OF_STEP);
        assertThat(three.waits()).isEqualTo(one.waits());
    }

    /** The number of operations does not depend on the width. */
    @Test
    void stepAtTheDepthOfXl() throws IOException {
        DeviceCounts step = step(
                "xl",
                List.of(
                        "model.depth=28",
                        "model.hiddenSize=32",
                        "model.numHeads=16",
                        "align.depth=8",
                        "runtime.precision=BFLOAT16"));

        System.out.println(step.line("MaskAlign, depth 28, BFLOAT16"));
        assertThat(step.operations()).isBetween(1000L, (long) OPERATIONS_OF_XL);
        assertThat(step.casts()).isBetween(1L, (long) CASTS_OF_XL);
    }

    @Test
    void samplingStep() throws IOException {
        Path run = root.resolve("run");
        List<String> settings = new ArrayList<>(CountedRun.TINY);
        settings.add("train.steps=1");
        settings.add("model.patchSize=2");
        CountedRun.train("quickstart.yaml", run, 0, settings);

        for (String sampler : List.of("sde", "ode", "heun")) {
            DeviceCounts few = sampled(run, sampler, 4);
            DeviceCounts many = sampled(run, sampler, 8);
            DeviceCounts step = many.since(few).per(4);

            System.out.println(step.line("guided " + sampler + " step"));
            assertThat(step.operations()).isPositive();
            assertThat(step.allUploads()).isLessThanOrEqualTo(UPLOADS_OF_SAMPLING);
            assertThat(step.waits()).isLessThanOrEqualTo(WAITS_OF_SAMPLING);
        }
    }

    private DeviceCounts step(String name, List<String> settings) throws IOException {
        List<String> all = Stream.concat(
                        Stream.concat(
                                CountedRun.TINY.stream(),
                                Stream.of("train.steps=3", "method=maskalign", "model.patchSize=2")),
                        settings.stream())
                .toList();
        return CountedRun.train("quickstart.yaml", root.resolve(name), 0, all)
                .counts()
                .get(2L);
    }

    /** Draws two latents, guided all the way. */
    private DeviceCounts sampled(Path run, String sampler, int steps) throws IOException {
        Path file = root.resolve(sampler + steps + ".safetensors");
        CommandRun command = new CommandRun();
        DeviceCounts counts = DeviceCounts.of(() -> assertThat(command.run(
                        "sample",
                        run,
                        "--num=2",
                        "--cfg=2",
                        "--interval=0,1",
                        "--sampler=" + sampler,
                        "--steps=" + steps,
                        "--latents=" + file))
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
