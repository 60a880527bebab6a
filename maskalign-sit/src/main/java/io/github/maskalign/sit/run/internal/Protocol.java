package io.github.maskalign.sit.run.internal;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import com.google.gson.reflect.TypeToken;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/**
 * How a score was made: sampler, steps, guidance, labels, decoder, rounding, evaluator, counts. Scores mean something beside
 * each other if all of this is the same; what was scored, the weights, is no part of it.
 *
 * @param facts what was chosen, by name
 */
public record Protocol(Map<String, String> facts) {
    /** The file in a run's folder that explains the fingerprints of its scores. */
    public static final String FILE = "protocols.json";

    private static final int DIGITS = 12; // 48 bits, which a number of stats.jsonl holds exactly
    private static final Gson GSON =
            new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();

    /** Sorts the facts. */
    public Protocol {
        facts = new TreeMap<>(facts);
    }

    /**
     * Returns how pictures are drawn, whoever scores them.
     *
     * @param how the sampler, its equation and guidance
     * @param labels the rule of their labels: random, balanced, or given
     * @param seed seed of labels and noise
     * @param samples their number
     * @param weights which of a run's weights draw
     * @param decoder what makes pictures, and the rounding
     * @param precision arithmetic
     */
    static Protocol ofDrawing(
            SamplerConfig how,
            String labels,
            long seed,
            int samples,
            String weights,
            PictureDecoder decoder,
            RunPrecision precision)
            throws IOException {
        Map<String, String> facts = new TreeMap<>();
        facts.put("sampler", how.toString());
        facts.put("equation", equation(how.method()));
        facts.put("labels", labels);
        facts.put("seed", Long.toString(seed));
        facts.put("samples", Integer.toString(samples));
        facts.put("weights", weights);
        facts.put("decoder", decoder.sha256().orElse("pixels"));
        facts.put("rounding", decoder.pixels().name());
        facts.put("precision", precision.name());
        return new Protocol(facts);
    }

    private static String equation(SamplerMethod method) {
        return switch (method) {
            case EULER, HEUN -> "ODE";
            case EULER_MARUYAMA -> "SDE";
            case DDPM, DDIM -> "DDPM";
        };
    }

    /** Returns what is known of how pictures were drawn: what {@code sample --folder} wrote beside them. */
    static Protocol ofPictures(PictureSource pictures) throws IOException {
        Map<String, Map<String, String>> beside = Files.isDirectory(pictures.path()) ? read(pictures.path()) : Map.of();
        return beside.size() == 1
                ? new Protocol(beside.values().iterator().next())
                : new Protocol(Map.of("drawing", "unknown", "samples", Integer.toString(pictures.size())));
    }

    /** Returns this with facts added. */
    Protocol with(Map<String, String> more) {
        Map<String, String> all = new TreeMap<>(facts);
        all.putAll(more);
        return new Protocol(all);
    }

    /** Returns 12 hexadecimal digits that are equal for equal facts. */
    public String fingerprint() {
        StringBuilder text = new StringBuilder();
        facts.forEach((name, value) ->
                text.append(name).append('=').append(value.replace("\n", " ")).append('\n'));
        return Digests.sha256(text.toString()).substring(0, DIGITS);
    }

    /** Returns the fingerprint as a whole number, as {@code stats.jsonl} has it. */
    double number() {
        return Long.parseLong(fingerprint(), 16);
    }

    /** Returns the fingerprint that a number of {@code stats.jsonl} stands for. */
    public static String fingerprint(double number) {
        String digits = Long.toHexString((long) number);
        return "0".repeat(Math.max(0, DIGITS - digits.length())) + digits;
    }

    /** Adds this to the protocols that a run's folder explains. */
    void addTo(Path folder) throws IOException {
        Map<String, Map<String, String>> all = read(folder);
        if (all.putIfAbsent(fingerprint(), facts) == null) {
            AtomicFile.write(folder.resolve(FILE), GSON.toJson(all) + "\n");
        }
    }

    /** Returns the protocols that a run's folder explains, by fingerprint. */
    public static Map<String, Map<String, String>> read(Path folder) throws IOException {
        Path file = folder.resolve(FILE);
        if (!Files.exists(file)) {
            return new TreeMap<>();
        }
        try {
            String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
            Map<String, Map<String, String>> read = GSON.fromJson(text, new TypeToken<>() {});
            return read == null ? new TreeMap<>() : new TreeMap<>(read);
        } catch (JsonParseException e) {
            throw new CheckpointFormatException(file, "it must hold protocols by their fingerprints", e);
        }
    }
}
