package io.github.maskalign.examples;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Parameters;

/** Compares this library with the original projects on recorded cases. */
@Command(
        name = "parity",
        description = {
            "Computes recorded cases again and prints one JSON line with the errors of each.",
            "A case passes at a relative error of 1e-5 for outputs and 1e-4 for gradients."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  maskalign parity case.safetensors", "  maskalign parity cases/*.safetensors"})
final class ParityCommand {
    @Parameters(
            arity = "1..*",
            paramLabel = "FILE",
            description = "Parity case: weights, inputs, outputs and gradients in a .safetensors file.",
            showDefaultValue = Visibility.NEVER)
    List<Path> files = new ArrayList<>();
}
