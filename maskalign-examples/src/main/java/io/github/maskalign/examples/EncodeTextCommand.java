package io.github.maskalign.examples;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.encoders.text.ClipTextEncoder;
import io.github.maskalign.encoders.text.internal.EncodedCaptions;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.CommandFailure.OutputFile;
import io.github.maskalign.examples.Main.UsesEngine;
import io.github.maskalign.sit.run.Progress;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Encodes captions with CLIP's text tower. */
@Command(
        name = "encode-text",
        description = {
            "Encodes captions with CLIP's text tower: one vector for each token and one for the whole caption.",
            "With --out they go to a .safetensors file: tokens (N, T, D) and pooled (N, P), float32, ids and mask (N, T),"
                    + " int64."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign encode-text --model clip-vit-base-patch32 \"a photo of a cat\" \"two dogs\"",
            "  maskalign encode-text --model stable-diffusion-v1-5 --captions captions.txt --out captions.safetensors"
        })
final class EncodeTextCommand implements Callable<Integer>, UsesEngine {
    @Option(
            names = "--model",
            required = true,
            paramLabel = "DIR",
            description = "Folder of transformers, open_clip or diffusers with config, weights and tokenizer.",
            showDefaultValue = Visibility.NEVER)
    Path model = Path.of("");

    @Parameters(
            arity = "0..*",
            paramLabel = "CAPTION",
            description = "Captions, in quotes.",
            showDefaultValue = Visibility.NEVER)
    List<String> words = new ArrayList<>();

    @Option(
            names = "--captions",
            paramLabel = "FILE",
            description = "Text file in UTF-8 with one caption a line; they follow those of the command line.")
    @Nullable
    Path file;

    @Option(names = "--out", paramLabel = "FILE", description = "File to write, .safetensors.")
    @Nullable
    Path out;

    @Option(names = "--batch", paramLabel = "N", description = "Captions computed at a time.")
    int batch = 64;

    @Option(names = "--precision", paramLabel = "NAME", description = "One of: ${COMPLETION-CANDIDATES}.")
    Precision precision = Precision.FLOAT32;

    @Option(names = "--json", description = "Print one JSON object instead of text.")
    boolean json;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        List<String> captions = new ArrayList<>(words);
        if (file != null) {
            captions.addAll(lines(file));
        }
        check(captions);
        PrintWriter console = spec.commandLine().getOut();
        try (ClipTextEncoder encoder = ClipTextEncoder.open(model, device(), precision)) {
            EncodedCaptions encoded = encode(encoder, captions);
            if (json) {
                Gson gson = new GsonBuilder().disableHtmlEscaping().create();
                console.println(gson.toJson(encoded.json(out)));
            } else {
                console.print(encoded.text(out));
            }
            console.flush();
        }
        return ExitCode.OK;
    }

    private static List<String> lines(Path file) throws IOException {
        if (Files.isDirectory(file)) {
            throw CommandFailure.badInput(file + " is a folder; name a text file");
        }
        try {
            return Files.readAllLines(file, StandardCharsets.UTF_8);
        } catch (CharacterCodingException e) {
            throw CommandFailure.badInput(file + " must be UTF-8 text", e);
        }
    }

    private void check(List<String> captions) {
        CommandFailure.requireAtLeast(1, "--batch", batch);
        if (captions.isEmpty()) {
            throw CommandFailure.badInput(
                    file == null ? "give captions, or a file of them with --captions" : file + " has no line");
        }
        if (out != null && !out.toString().endsWith(".safetensors")) {
            throw CommandFailure.badInput("--out must end in .safetensors but was " + out);
        }
        OutputFile.refuseFolder(out);
        Path folder = out == null ? null : out.toAbsolutePath().getParent();
        if (folder != null && !Files.isDirectory(folder)) {
            throw CommandFailure.badInput("the folder of --out does not exist: " + folder);
        }
    }

    private EncodedCaptions encode(ClipTextEncoder encoder, List<String> captions) throws IOException {
        String hash = out == null && !json ? "" : Digests.sha256(encoder.file());
        int batches = (captions.size() + batch - 1) / batch;
        Progress.Plan plan = new Progress.Plan("encode-text", 0, batches, batch, Math.max(1, batches / 10));
        try (Progress progress = batches == 1 ? null : TerminalBar.display().open(plan)) {
            return EncodedCaptions.run(encoder, precision, hash, captions, batch, out, done -> {
                if (progress != null) {
                    progress.step((done + batch - 1L) / batch, Double.NaN);
                }
            });
        }
    }

    private static Device device() {
        try (NDManager manager = NDManager.newBaseManager()) {
            return manager.getDevice();
        }
    }
}
