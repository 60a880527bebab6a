package io.github.maskalign.examples;

import io.github.maskalign.core.config.ConfigKey.AlsoRead;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.CommandFailure.OutputFile;
import io.github.maskalign.sit.run.internal.Conversion;
import io.github.maskalign.sit.run.internal.Conversion.WeightsFormat;
import io.github.maskalign.sit.weights.WeightsExport;
import io.github.maskalign.sit.weights.WeightsFamily;
import io.github.maskalign.sit.weights.internal.OpenWeights;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Turns weights of one project and format into those of another. */
@Command(
        name = "convert",
        description = {
            "Reads weights of SiT, REPA, REG, MaskAlign or a relative and writes them for this library or for another"
                    + " project.",
            "Missing and unexpected tensors are errors; what is changed on the way is said."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign convert SiT-XL-2-256x256.pt sit.safetensors --fold-time",
            "  maskalign convert 0400000.pt reg.safetensors --section ema",
            "  maskalign convert runs/imagenet-sit-xl-2-reg reg.pt --family reg",
            "  maskalign convert dinov2.pth dinov2.safetensors --plain --dtype FLOAT16"
        })
final class ConvertCommand implements Callable<Integer> {
    /** Types that numbers are rounded to. */
    enum Dtype {
        /** 32 bits. */
        @AlsoRead("F32")
        FLOAT32(TensorType.F32),
        /** 16 bits, 5 of them exponent. */
        @AlsoRead("F16")
        FLOAT16(TensorType.F16),
        /** 16 bits, 8 of them exponent. */
        @AlsoRead("BF16")
        BFLOAT16(TensorType.BF16);

        private final TensorType type;

        Dtype(TensorType type) {
            this.type = type;
        }
    }

    @Parameters(
            index = "0",
            paramLabel = "IN|RUN",
            description = "File of weights, or run folder, whose newest averaged weights are taken.",
            showDefaultValue = Visibility.NEVER)
    Path in = Path.of("");

    @Parameters(
            index = "1",
            paramLabel = "OUT",
            description = "File to write; its name must end in .safetensors, .pt or .pth.",
            showDefaultValue = Visibility.NEVER)
    Path out = Path.of("");

    @Mixin
    ImportMixin known = new ImportMixin();

    @Option(
            names = "--family",
            paramLabel = "FAMILY",
            description =
                    "Project to write for: sit, repa, reg, maskalign, sit-official, irepa, dit, mdtv2, redi or reglue; what the model is under our"
                            + " names unless given.")
    @Nullable
    String family;

    @Option(
            names = "--fold-time",
            description =
                    "Turn weights of willisma/SiT or ReDi to REPA's time axis; otherwise they stay as they are and"
                            + " the file says so.")
    boolean foldTime;

    @Option(
            names = "--mixer",
            paramLabel = "RULE",
            description =
                    "What becomes of a token mixer for repa, reg and sit-official: ${COMPLETION-CANDIDATES}. Their"
                            + " own loaders refuse it; dropping it makes another network.")
    WeightsExport.Extra mixer = WeightsExport.Extra.KEEP;

    @Option(
            names = "--dtype",
            paramLabel = "TYPE",
            description = "Round all floating-point tensors: ${COMPLETION-CANDIDATES}; as stored unless given.")
    @Nullable
    Dtype dtype;

    @Option(names = "--bare", description = "Write a .pt file that is the state dict itself, not a dict with ema.")
    boolean bare;

    @Option(
            names = "--plain",
            description = "Change the format, and the type if asked for, of any file: names and tensors stay.")
    boolean plain;

    @Option(names = "--force", description = "Replace OUT if it exists.")
    boolean force;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        WeightsFormat format = WeightsFormat.of(out)
                .orElseThrow(() -> CommandFailure.badInput("OUT must end in .safetensors, .pt or .pth but was " + out));
        OutputFile.requireFolder(out);
        if (Files.exists(out) && !force) {
            throw CommandFailure.badInput(out + " exists; --force replaces a file");
        }
        if (plain && (family != null || foldTime || !known.from.equals("auto"))) {
            throw CommandFailure.badInput(
                    "--plain changes no names and no numbers: leave --from, --family and" + " --fold-time out");
        }
        WeightsFamily target = family == null ? null : Conversion.target(family);
        PrintWriter console = spec.commandLine().getOut();
        try (OpenWeights weights = known.open(in)) {
            Conversion conversion = plain
                    ? Conversion.plain(weights)
                    : Conversion.of(weights.sit(known.options()), foldTime, target, mixer);
            if (dtype != null) {
                conversion = conversion.as(dtype.type);
            }
            conversion.notes().forEach(note -> spec.commandLine().getErr().println("note: " + note));
            spec.commandLine().getErr().flush();
            conversion.write(out, format, bare);
            console.println(out);
            console.flush();
        }
        return ExitCode.OK;
    }
}
