package io.github.maskalign.examples;

import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.Main.Version;
import io.github.maskalign.examples.doctor.Diagnosis;
import io.github.maskalign.examples.doctor.Diagnosis.Check;
import io.github.maskalign.examples.doctor.Diagnosis.Section;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Prints what {@link Diagnosis} finds. */
@Command(
        name = "doctor",
        description = "Checks that this machine and this installation can run MaskAlign.",
        footerHeading = "%nExamples:%n",
        footer = {"  maskalign doctor", "  maskalign doctor --json | jq .healthy"})
final class DoctorCommand implements Callable<Integer> {
    @Option(names = "--json", description = "Print one JSON object instead of text.")
    private boolean json;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        Diagnosis diagnosis = Diagnosis.make(Path.of(""));
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(diagnosis.toJson());
        } else {
            print(diagnosis, out, spec.commandLine().getColorScheme().ansi());
        }
        out.flush();
        return diagnosis.isHealthy() ? ExitCode.OK : ExitCode.FAILED;
    }

    private static void print(Diagnosis diagnosis, PrintWriter out, Ansi ansi) {
        out.println("maskalign " + Version.ours());
        for (Section section : diagnosis.sections()) {
            out.println();
            out.println(ansi.string("@|bold " + section.title() + "|@"));
            section.facts().forEach((name, value) -> out.printf(Locale.ROOT, "  %-18s%s%n", name, value));
        }
        out.println();
        out.println(ansi.string("@|bold checks|@"));
        for (Check check : diagnosis.checks()) {
            String mark = switch (check.result()) {
                case OK -> "@|green ok    |@";
                case WARNING -> "@|yellow warn  |@";
                case FAILED -> "@|bold,red FAILED|@";
            };
            out.println(
                    "  " + ansi.string(mark) + String.format(Locale.ROOT, "  %-22s", check.name()) + check.detail());
            if (!check.remedy().isEmpty()) {
                out.println("          -> " + check.remedy());
            }
        }
        out.println();
        out.println(diagnosis.isHealthy() ? "This installation works." : "This installation does not work.");
    }
}
