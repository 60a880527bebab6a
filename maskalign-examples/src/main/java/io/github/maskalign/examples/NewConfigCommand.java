package io.github.maskalign.examples;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigPresets.Preset;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.CommandFailure.OutputFile;
import io.github.maskalign.examples.RunOptions.MethodNames;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.internal.RunFiles;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Writes a config for given pictures and this machine. */
@Command(
        name = "new-config",
        description = {
            "Looks at pictures and at this machine and writes a config that trains on them here, without an autoencoder.",
            "Its comments say what was chosen and why."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign new-config --data pictures/",
            "  maskalign new-config --data pictures.zip --size 64 --method repa --out repa.yaml"
        })
final class NewConfigCommand implements Callable<Integer> {
    private static final int LEAST = 16;
    private static final int MOST = 512;
    private static final int UNIT = 16;
    private static final int USEFUL = 100;

    @Option(
            names = "--data",
            paramLabel = "PATH",
            description =
                    "Pictures in class folders, a zip, tars or WebDataset; the emoji of this library unless given.")
    @Nullable
    Path data;

    @Option(
            names = "--size",
            paramLabel = "PIXELS",
            description = "Side to which pictures are cropped, a multiple of 16 in [16, 512].")
    int size = 64;

    @Option(
            names = "--method",
            paramLabel = "ID",
            completionCandidates = MethodNames.class,
            description = "One of: ${COMPLETION-CANDIDATES}.")
    String method = "maskalign";

    @Option(
            names = "--out",
            paramLabel = "FILE",
            description = "The config; named after data, size and method in the current folder unless given.")
    @Nullable
    Path out;

    @Option(names = "--force", description = "Replace a file that is there already.")
    boolean force;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        if (size < LEAST || size > MOST || size % UNIT != 0) {
            throw CommandFailure.badInput(
                    "--size must be a multiple of " + UNIT + " in [" + LEAST + ", " + MOST + "] but was " + size);
        }
        Preset preset = RunOptions.METHODS.get(MethodNames.parse(method));
        String name = name(preset);
        Path file = out != null ? out : Path.of(name + ".yaml");
        OutputFile.requireFolder(file);
        if (Files.exists(file) && !force) {
            throw CommandFailure.badInput(
                    file + " is there already; name another with --out, or replace it with --force");
        }
        PictureSurvey survey = data == null ? PictureSurvey.emoji() : PictureSurvey.of(data);
        int cores = Runtime.getRuntime().availableProcessors();
        String yaml = new ConfigDraft(name, preset, size, cores, survey).yaml(file);
        RunConfig config = ConfigBinder.bindText(yaml, file.toString(), List.of(), RunConfig.class)
                .value();
        RunFiles.check(config); // says what is wrong with the pictures before anything is written
        AtomicFile.write(file, yaml);
        PrintWriter console = spec.commandLine().getOut();
        console.println(file + ": " + survey.title() + " at " + size + " pixels");
        if (survey.pictures() < USEFUL) {
            console.println("note: below about " + USEFUL + " pictures a model learns them by heart");
        }
        console.println("train with: scripts/maskalign train " + file);
        console.flush();
        return ExitCode.OK;
    }

    /** The name of the file if it is one for a run, otherwise that of the data, with size and method. */
    private String name(Preset preset) {
        String given = out == null
                ? ""
                : String.valueOf(out.getFileName())
                        .replaceFirst("\\.ya?ml$", "")
                        .replaceAll("[^A-Za-z0-9._-]", "-");
        if (given.matches("[A-Za-z0-9].*")) {
            return given;
        }
        Path normal = data == null ? Path.of("emoji") : data.toAbsolutePath().normalize();
        String base = String.valueOf(normal.getFileName())
                .replaceFirst("(?i)\\.(zip|tar)$", "")
                .replaceAll("[^A-Za-z0-9._-]", "-")
                .replaceFirst("^[^A-Za-z0-9]+", "");
        return (base.isEmpty() ? "pictures" : base) + "-" + size + "-" + preset.name();
    }
}
