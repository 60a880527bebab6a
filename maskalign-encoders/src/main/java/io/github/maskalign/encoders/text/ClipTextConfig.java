package io.github.maskalign.encoders.text;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.StrictJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * Shape of CLIP's text tower, as in {@code config.json} of transformers.
 *
 * @param vocabulary rows of the token table
 * @param length tokens T of every caption, 77 in all published models
 * @param width D, a multiple of heads
 * @param hidden width inside the MLPs
 * @param depth number of blocks
 * @param heads heads of the attention
 * @param quickGelu whether the MLPs have x · sigmoid(1.702 x) instead of the exact GELU
 * @param eps of the norms
 * @param endId id of the end token, whose state is the pooled vector at its first place; with 2, which stands in files
 *     before transformers 4.31, the highest id of the caption takes its part
 */
record ClipTextConfig(
        int vocabulary,
        int length,
        int width,
        int hidden,
        int depth,
        int heads,
        boolean quickGelu,
        double eps,
        int endId) {
    static final int LEGACY_END = 2;
    private static final String FILE = "config.json";
    private static final String OPEN_CLIP_FILE = "open_clip_config.json";
    private static final int MOST = 1 << 20;

    /** @throws IllegalArgumentException if a number is out of range */
    public ClipTextConfig {
        if (vocabulary < 1 || length < 2 || width < 1 || hidden < 1 || depth < 1 || heads < 1 || endId < 0) {
            throw new IllegalArgumentException("vocabulary, width, hidden, depth and heads must be at least 1, length 2"
                    + " and endId 0 but were " + vocabulary + ", " + width + ", " + hidden + ", " + depth + ", " + heads
                    + ", " + length + " and " + endId);
        }
        if (width % heads != 0) {
            throw new IllegalArgumentException("width must be a multiple of the " + heads + " heads but was " + width);
        }
        if (!(eps > 0)) {
            throw new IllegalArgumentException("eps must be above 0 but was " + eps);
        }
    }

    static boolean isIn(Path folder) {
        return Files.exists(folder.resolve(FILE)) || Files.exists(folder.resolve(OPEN_CLIP_FILE));
    }

    /**
     * Reads {@code config.json} of a text tower or of a whole CLIP model. A number that is missing has the value of the
     * published base model, as in transformers; keys that have no bearing on the text tower are passed over.
     * Without that file {@code open_clip_config.json} is read.
     *
     * @param folder the folder it is in
     * @throws CheckpointFormatException if it describes another kind of model, with everything that is wrong
     */
    public static ClipTextConfig read(Path folder) throws IOException {
        Path file = folder.resolve(FILE);
        if (!Files.exists(file) && Files.exists(folder.resolve(OPEN_CLIP_FILE))) {
            return openClip(folder.resolve(OPEN_CLIP_FILE));
        }
        List<String> problems = new ArrayList<>();
        JsonFields fields = textPart(StrictJson.read(file), problems);
        fields.oneOf("hidden_act", "quick_gelu", "gelu", null);
        fields.oneOf("is_decoder", false, null);
        fields.oneOf("add_cross_attention", false, null);
        int vocabulary = fields.number("vocab_size", 1, MOST, 49408);
        int length = fields.number("max_position_embeddings", 2, 1 << 14, 77);
        int width = fields.number("hidden_size", 1, 1 << 14, 512);
        int hidden = fields.number("intermediate_size", 1, 1 << 16, 2048);
        int depth = fields.number("num_hidden_layers", 1, 1 << 10, 12);
        int heads = fields.number("num_attention_heads", 1, 1 << 10, 8);
        double eps = fields.positive("layer_norm_eps", 1e-5);
        int endId = fields.number("eos_token_id", 0, MOST, 49407);
        boolean quick = !fields.has("hidden_act") || fields.text("hidden_act").equals("quick_gelu");
        return checked(
                file,
                problems,
                () -> new ClipTextConfig(vocabulary, length, width, hidden, depth, heads, quick, eps, endId));
    }

    /** open_clip pools at the highest id and has hidden layers of four times the width unless told otherwise. */
    private static ClipTextConfig openClip(Path file) throws IOException {
        List<String> problems = new ArrayList<>();
        JsonFields model = new JsonFields("", StrictJson.read(file), problems).object("model_cfg");
        boolean quick = model.flag("quick_gelu", false);
        JsonFields text = model.object("text_cfg");
        text.oneOf("mlp_ratio", null, "4.0", "4");
        text.oneOf("pool_type", null, "argmax");
        for (String key : List.of("hf_model_name", "ls_init_value", "embed_cls", "no_causal_mask", "proj_bias")) {
            text.oneOf(key, null, false);
        }
        int vocabulary = text.number("vocab_size", 1, MOST, 49408);
        int length = text.number("context_length", 2, 1 << 14, 77);
        int width = text.number("width", 1, 1 << 14, 512);
        int depth = text.number("layers", 1, 1 << 10, 12);
        int heads = text.number("heads", 1, 1 << 10, 8);
        return checked(
                file,
                problems,
                () -> new ClipTextConfig(vocabulary, length, width, 4 * width, depth, heads, quick, 1e-5, LEGACY_END));
    }

    private static ClipTextConfig checked(Path file, List<String> problems, Supplier<ClipTextConfig> config)
            throws CheckpointFormatException {
        if (problems.isEmpty()) {
            try {
                return config.get();
            } catch (IllegalArgumentException e) {
                problems.add(String.valueOf(e.getMessage()));
            }
        }
        throw new CheckpointFormatException(file.toString(), problems);
    }

    /** The text tower's numbers; in a whole model {@code text_config_dict}, where it is given, goes first. */
    private static JsonFields textPart(JsonObject json, List<String> problems) {
        JsonFields whole = new JsonFields("", json, problems);
        whole.oneOf("model_type", "clip_text_model", "clip");
        if (!json.has("text_config")) {
            return whole;
        }
        JsonObject merged = new JsonObject();
        for (String part : List.of("text_config", "text_config_dict")) {
            JsonElement found = json.get(part);
            if (found != null && found.isJsonObject()) {
                found.getAsJsonObject().entrySet().forEach(e -> merged.add(e.getKey(), e.getValue()));
            } else if (part.equals("text_config") || (found != null && !found.isJsonNull())) {
                whole.problem(part, "an object");
            }
        }
        return new JsonFields("text_config", merged, problems);
    }
}
