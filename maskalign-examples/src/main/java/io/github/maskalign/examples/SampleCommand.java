package io.github.maskalign.examples;

import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.io.SafetensorsFile;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.RandomStream;
import io.github.maskalign.core.sample.Guidance;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerMethod;
import io.github.maskalign.examples.report.ConsoleProgress;
import io.github.maskalign.examples.report.Pictures;
import io.github.maskalign.examples.report.ProgressPlan;
import io.github.maskalign.examples.report.SampleGrid;
import io.github.maskalign.examples.run.Preview;
import io.github.maskalign.examples.run.TrainedWeights;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Makes pictures with a trained model. */
@Command(
        name = "sample",
        description = "Makes pictures with a trained model and lays them out in a grid.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign sample runs/quickstart --num 64",
            "  maskalign sample runs/imagenet-sit-b-2-maskalign --sampler sde --steps 250 --cfg 1.8 --interval 0,0.7",
            "  maskalign sample weights.safetensors --labels 0-7,3 --seed 7 --out samples.png"
        })
final class SampleCommand implements Callable<Integer> {
    /** How the equation of motion is solved. */
    enum Method {
        /** Euler's rule on the probability-flow ODE. */
        ODE(SamplerMethod.EULER),
        /** Heun's rule on the probability-flow ODE. */
        HEUN(SamplerMethod.HEUN),
        /** Euler-Maruyama on the reverse SDE. */
        SDE(SamplerMethod.EULER_MARUYAMA);

        private final SamplerMethod rule;

        Method(SamplerMethod rule) {
            this.rule = rule;
        }
    }

    @Parameters(
            index = "0",
            paramLabel = "RUN|WEIGHTS",
            description = "Run folder, whose newest averaged weights are taken, or a .safetensors file.",
            showDefaultValue = Visibility.NEVER)
    Path source = Path.of("");

    @Option(names = "--num", paramLabel = "N", description = "Number of pictures.")
    int count = 16;

    @Option(
            names = "--sampler",
            paramLabel = "NAME",
            description = "One of: ${COMPLETION-CANDIDATES}; that of the config unless given.")
    @Nullable
    Method method;

    @Option(
            names = "--steps",
            paramLabel = "N",
            description = "Steps of the sampler; those of the config unless given.")
    @Nullable
    Integer steps;

    @Option(
            names = "--cfg",
            paramLabel = "SCALE",
            description =
                    "Guidance scale w of v = v_u + w (v_c - v_u), for the class token too; 1 switches guidance off."
                            + " That of the config unless given.")
    @Nullable
    Double cfgScale;

    @Option(
            names = "--interval",
            paramLabel = "LO,HI",
            description = "Times at which guidance acts; 0 is data, 1 is noise. That of the config unless given.",
            converter = Interval.Converter.class)
    @Nullable
    Interval interval;

    @Option(names = "--scale", paramLabel = "N", description = "How many times a picture is enlarged in the grid.")
    int scale = 4;

    @Option(names = "--seed", paramLabel = "N", description = "Seed of the noise.")
    long seed;

    @Option(
            names = "--labels",
            paramLabel = "LIST",
            description = "Class labels such as 207,360,0-3, repeated as needed; drawn at random unless given.",
            converter = Labels.Converter.class)
    @Nullable
    Labels labels;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            description = "PNG file for the grid; in the run folder, or samples.png, unless given.")
    @Nullable
    Path out;

    @Option(names = "--batch", paramLabel = "N", description = "Pictures computed at a time.")
    int batch = 16;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        if (count < 1 || batch < 1 || scale < 1) {
            throw CommandFailure.badInput("--num, --batch and --scale must be at least 1");
        }
        TrainedWeights trained = TrainedWeights.find(source);
        Preview preview =
                new Preview(trained.config(), sampling(trained.config().sample()), batch);
        if (!preview.possible()) {
            throw CommandFailure.badInput(
                    source + ": the model makes latents, which need a decoder to become pictures");
        }
        long[] chosen = labels(trained.config().model().numClasses());
        PrintWriter console = spec.commandLine().getOut();
        try (NDManager manager = NDManager.newBaseManager();
                SafetensorsFile file = SafetensorsFile.open(trained.weights());
                ConsoleProgress progress = progress()) {
            int[] done = {0};
            Pictures pictures = preview.draw(manager, file.stateDict().read(manager), chosen, seed, (step, of, t) -> {
                if (step == of) {
                    progress.step(++done[0], Double.NaN);
                }
            });
            SampleGrid fitting = SampleGrid.fitting(pictures);
            Path grid = out != null ? out : trained.folder().resolve("samples-" + seed + ".png");
            new SampleGrid(fitting.columns(), fitting.padding(), scale)
                    .draw(pictures)
                    .write(grid);
            console.println(grid);
            console.flush();
        }
        return ExitCode.OK;
    }

    private ConsoleProgress progress() {
        long batches = ((long) count + batch - 1) / batch;
        return ConsoleProgress.open(new ProgressPlan("sample", 0, batches, batch, 1), JvmDefaults.isTerminal());
    }

    private SamplerConfig sampling(SamplerConfig own) {
        SamplerMethod rule = method == null ? own.method() : method.rule;
        double w = cfgScale == null ? own.cfgScale() : cfgScale;
        double classW = cfgScale == null ? own.classCfgScale() : cfgScale;
        Interval when = interval == null ? new Interval(own.intervalLow(), own.intervalHigh()) : interval;
        return own.withMethod(rule, steps == null ? own.steps() : steps)
                .withGuidance(new Guidance(w, classW, when.low(), when.high()));
    }

    private long[] labels(int classes) {
        long[] chosen = new long[count];
        Draws draws = new Draws(seed);
        for (int i = 0; i < count; i++) {
            chosen[i] = labels == null
                    ? draws.at(RandomStream.SAMPLE_LABEL, i).nextInt(classes)
                    : labels.values().get(i % labels.values().size());
            if (chosen[i] >= classes) {
                throw CommandFailure.badInput("--labels must be in [0, " + (classes - 1) + "] but held " + chosen[i]);
            }
        }
        return chosen;
    }
}
