package io.github.maskalign.examples;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.encoders.text.ClipTextEncoder;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.Main.UsesEngine;
import io.github.maskalign.examples.text.EncodedCaptions;
import io.github.maskalign.sit.run.Progress;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
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
    private static final int SHOWN = 20;

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
            String hash = out == null && !json ? "" : Digests.sha256(encoder.file());
            EncodedCaptions encoded = encode(encoder, captions, hash);
            if (json) {
                Gson gson = new GsonBuilder().disableHtmlEscaping().create();
                console.println(gson.toJson(report(encoder, encoded, hash)));
            } else {
                print(console, encoder, encoded);
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

    private EncodedCaptions encode(ClipTextEncoder encoder, List<String> captions, String hash) throws IOException {
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("model", encoder.file().getFileName().toString());
        metadata.put("model_sha256", hash);
        metadata.put("precision", precision.name().toLowerCase(Locale.ROOT));
        metadata.put("pad_id", Integer.toString(encoder.tokenizer().padId()));
        int batches = (captions.size() + batch - 1) / batch;
        if (batches == 1) {
            return EncodedCaptions.run(encoder, captions, batch, out, metadata, done -> {});
        }
        Progress.Plan plan = new Progress.Plan("encode-text", 0, batches, batch, Math.max(1, batches / 10));
        try (Progress progress = TerminalBar.display().open(plan)) {
            return EncodedCaptions.run(
                    encoder,
                    captions,
                    batch,
                    out,
                    metadata,
                    done -> progress.step((done + batch - 1L) / batch, Double.NaN));
        }
    }

    private void print(PrintWriter console, ClipTextEncoder encoder, EncodedCaptions encoded) {
        int count = encoded.captions().size();
        console.printf(Locale.ROOT, "model      %s%n", encoder.file());
        console.printf(Locale.ROOT, "captions   %,d, of which %,d were cut%n", count, encoded.truncated());
        console.printf(Locale.ROOT, "tokens     (%d, %d, %d)%n", count, encoder.length(), encoder.width());
        console.printf(Locale.ROOT, "pooled     (%d, %d)%n", count, encoder.pooledWidth());
        if (out != null) {
            console.printf(Locale.ROOT, "written    %s%n", out);
        }
        console.printf(Locale.ROOT, "%n  #  tokens  caption%n");
        for (int i = 0; i < Math.min(SHOWN, count); i++) {
            console.printf(
                    Locale.ROOT,
                    "%3d  %6d  %s%n",
                    i,
                    encoded.counts().get(i),
                    printable(encoded.captions().get(i)));
        }
        if (count > SHOWN) {
            console.printf(Locale.ROOT, "     and %,d more%n", count - SHOWN);
        }
        double[][] cosines = encoded.cosines();
        if (cosines.length > 1) {
            console.printf(Locale.ROOT, "%ncosine of the pooled vectors%n");
            for (double[] row : cosines) {
                for (double value : row) {
                    console.printf(Locale.ROOT, " %7.4f", value);
                }
                console.println();
            }
        }
    }

    private JsonObject report(ClipTextEncoder encoder, EncodedCaptions encoded, String hash) {
        Gson gson = new Gson();
        JsonObject object = new JsonObject();
        object.addProperty("model", encoder.file().toString());
        object.addProperty("model_sha256", hash);
        object.addProperty("captions", encoded.captions().size());
        object.addProperty("truncated", encoded.truncated());
        object.addProperty("length", encoder.length());
        object.addProperty("width", encoder.width());
        object.addProperty("pooled_width", encoder.pooledWidth());
        object.add("token_counts", gson.toJsonTree(encoded.counts()));
        if (encoded.cosines().length > 0) {
            object.add("cosine", gson.toJsonTree(encoded.cosines()));
        }
        if (out != null) {
            object.addProperty("out", out.toString());
        }
        return object;
    }

    /** A caption on one line of a terminal, whatever is in it. */
    private static String printable(String caption) {
        String line = caption.length() <= 60 ? caption : caption.substring(0, 59) + "…";
        return line.codePoints()
                .map(c -> Character.isISOControl(c) || Character.getType(c) == Character.SURROGATE ? '?' : c)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
    }

    private static Device device() {
        try (NDManager manager = NDManager.newBaseManager()) {
            return manager.getDevice();
        }
    }
}
