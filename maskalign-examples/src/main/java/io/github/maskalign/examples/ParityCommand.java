package io.github.maskalign.examples;

import ai.djl.ndarray.NDArray;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import io.github.maskalign.encoders.Preprocessing;
import io.github.maskalign.encoders.published.NativeEncoder.EncoderName;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.Main.UsesEngine;
import io.github.maskalign.sit.parity.ParityCase;
import io.github.maskalign.sit.parity.ParityCase.ParityResult;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Compares this library with the original projects on recorded cases. */
@Command(
        name = "parity",
        description = {
            "Computes recorded cases again and prints one JSON line with the errors of each: outputs and gradients of a"
                    + " model, a training loss, training steps, a sampler's way, pictures prepared for an encoder.",
            "A case passes at a relative error of 1e-5 for outputs and 1e-4 for gradients."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  maskalign parity case.safetensors", "  maskalign parity cases/*.safetensors"})
final class ParityCommand implements Callable<Integer>, UsesEngine {
    @Parameters(
            arity = "1..*",
            paramLabel = "FILE",
            description = "Parity case: weights, inputs and what should come out in a .safetensors file.",
            showDefaultValue = Visibility.NEVER)
    List<Path> files = new ArrayList<>();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        Gson json = new GsonBuilder().serializeNulls().disableHtmlEscaping().create();
        PrintWriter out = spec.commandLine().getOut();
        boolean pass = true;
        for (Path file : files) {
            ParityResult result = ParityCase.check(file, ParityCommand::preprocess);
            JsonObject line = new JsonObject();
            line.addProperty("case", result.name());
            line.addProperty("max_rel_output", number(result.maxOutputError()));
            line.addProperty("max_rel_grad", number(result.maxGradError()));
            line.addProperty("worst_key", result.worstKey());
            line.addProperty("pass", result.pass());
            out.println(json.toJson(line));
            out.flush();
            pass &= result.pass();
        }
        return pass ? ExitCode.OK : ExitCode.FAILED;
    }

    /** Cases name a preprocessing as configs do, or the encoder that it is for as REPA does. */
    private static NDArray preprocess(String name, NDArray images) {
        Preprocessing preprocessing = Preprocessing.isNamed(name)
                ? Preprocessing.named(name)
                : EncoderName.parse(name).family().preprocessing();
        return preprocessing.apply(images);
    }

    /** JSON has no infinity: an error that is none becomes null, and the case fails. */
    private static @Nullable Double number(@Nullable Double error) {
        return error == null || error.isInfinite() ? null : error;
    }
}
