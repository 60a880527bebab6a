package io.github.maskalign.encoders.vae;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.MessageText;
import io.github.maskalign.core.files.internal.StrictJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Shape of an autoencoder, as in diffusers' {@code config.json}.
 *
 * @param latentChannels channels C of the latent, at least 1
 * @param channels width of each level from the picture inwards; multiples of groups. Each level but the last halves
 *     the side
 * @param layersPerBlock residual blocks of a level in the encoder; the decoder has one more
 * @param groups groups of the norms
 * @param quantConv whether a 1 × 1 convolution follows the encoder
 * @param postQuantConv whether a 1 × 1 convolution precedes the decoder
 * @param scalingFactor factor that brings latents to variance 1
 */
public record VaeConfig(
        int latentChannels,
        List<Integer> channels,
        int layersPerBlock,
        int groups,
        boolean quantConv,
        boolean postQuantConv,
        double scalingFactor) {
    /** sd-vae-ft-mse and sd-vae-ft-ema: 256 pixels to 32 × 32 × 4. */
    public static final VaeConfig STABLE_DIFFUSION =
            new VaeConfig(4, List.of(128, 256, 512, 512), 2, 32, true, true, 0.18215);

    private static final int MOST_LEVELS = 8;
    private static final int MOST_WIDTH = 4096;
    private static final String FILE = "config.json";
    private static final Set<String> IGNORED =
            Set.of("_class_name", "_diffusers_version", "_name_or_path", "sample_size", "force_upcast");

    /** @throws IllegalArgumentException if a number is out of range */
    public VaeConfig {
        channels = List.copyOf(channels);
        if (latentChannels < 1 || layersPerBlock < 1 || groups < 1 || channels.isEmpty()) {
            throw new IllegalArgumentException(
                    "latentChannels, layersPerBlock, groups and levels must be at least 1 but" + " were "
                            + latentChannels + ", " + layersPerBlock + ", " + groups + " and " + channels);
        }
        if (channels.size() > MOST_LEVELS) {
            throw new IllegalArgumentException(
                    "an autoencoder must have at most " + MOST_LEVELS + " levels but had " + channels.size());
        }
        for (int width : channels) {
            if (width < 1 || width > MOST_WIDTH || width % groups != 0) {
                throw new IllegalArgumentException("channels must be multiples of the " + groups + " groups, up to "
                        + MOST_WIDTH + ", but were " + channels);
            }
        }
        if (latentChannels > MOST_WIDTH || layersPerBlock > MOST_WIDTH) {
            throw new IllegalArgumentException("latentChannels and layersPerBlock must be at most " + MOST_WIDTH
                    + " but were " + latentChannels + " and " + layersPerBlock);
        }
        if (!(scalingFactor > 0) || !Double.isFinite(scalingFactor)) {
            throw new IllegalArgumentException("scalingFactor must be above 0 but was " + scalingFactor);
        }
    }

    /** Returns how many pixels one latent pixel stands for along a side. */
    public int reduction() {
        return 1 << (channels.size() - 1);
    }

    /**
     * Reads {@code config.json} of diffusers.
     *
     * @param folder the folder it is in
     * @throws CheckpointFormatException if it describes another kind of model, with everything that differs
     */
    public static VaeConfig read(Path folder) throws IOException {
        Path file = folder.resolve(FILE);
        return new Reader(file, StrictJson.read(file)).config();
    }

    /** Returns the text of diffusers' {@code config.json}. */
    String toJson() {
        JsonObject json = new JsonObject();
        json.addProperty("_class_name", "AutoencoderKL");
        json.addProperty("act_fn", "silu");
        json.addProperty("in_channels", 3);
        json.addProperty("out_channels", 3);
        json.addProperty("latent_channels", latentChannels);
        json.addProperty("layers_per_block", layersPerBlock);
        json.addProperty("norm_num_groups", groups);
        json.addProperty("scaling_factor", scalingFactor);
        json.addProperty("use_quant_conv", quantConv);
        json.addProperty("use_post_quant_conv", postQuantConv);
        JsonArray widths = new JsonArray();
        JsonArray down = new JsonArray();
        JsonArray up = new JsonArray();
        for (int width : channels) {
            widths.add(width);
            down.add("DownEncoderBlock2D");
            up.add("UpDecoderBlock2D");
        }
        json.add("block_out_channels", widths);
        json.add("down_block_types", down);
        json.add("up_block_types", up);
        return json + "\n";
    }

    /** Collects everything that is wrong. */
    private static final class Reader {
        private final Path file;
        private final JsonObject json;
        private final List<String> problems = new ArrayList<>();

        Reader(Path file, JsonObject json) {
            this.file = file;
            this.json = json;
        }

        VaeConfig config() throws CheckpointFormatException {
            List<Integer> channels = integers("block_out_channels");
            require("_class_name", "AutoencoderKL");
            require("act_fn", "silu");
            require("in_channels", "3");
            require("out_channels", "3");
            require("mid_block_add_attention", "true");
            for (String key : List.of("latents_mean", "latents_std", "shift_factor")) {
                require(key, "null");
            }
            blocks("down_block_types", "DownEncoderBlock2D", channels.size());
            blocks("up_block_types", "UpDecoderBlock2D", channels.size());
            int latent = integer("latent_channels", 4);
            int layers = integer("layers_per_block", 2);
            int groups = integer("norm_num_groups", 32);
            double scale = json.has("scaling_factor") ? number("scaling_factor") : 0.18215;
            boolean quant = flag("use_quant_conv");
            boolean postQuant = flag("use_post_quant_conv");
            unknownKeys();
            if (problems.isEmpty()) {
                try {
                    return new VaeConfig(latent, channels, layers, groups, quant, postQuant, scale);
                } catch (IllegalArgumentException e) {
                    problems.add(String.valueOf(e.getMessage()));
                }
            }
            throw new CheckpointFormatException(file.toString(), problems);
        }

        /** A key may be missing, and then has the value that is required. */
        private void require(String key, String value) {
            JsonElement found = json.get(key);
            if (found != null && !found.toString().replace("\"", "").equals(value)) {
                problems.add(key + " must be " + value + " but is " + shown(found));
            }
        }

        private void blocks(String key, String type, int count) {
            JsonElement found = json.get(key);
            boolean fits = found != null
                    && found.isJsonArray()
                    && found.getAsJsonArray().size() == count;
            for (int i = 0; fits && i < count; i++) {
                fits = found.getAsJsonArray().get(i).toString().equals("\"" + type + "\"");
            }
            if (!fits) {
                problems.add(key + " must be " + count + " x " + type + " but is " + shown(found));
            }
        }

        private List<Integer> integers(String key) {
            JsonElement found = json.get(key);
            List<Integer> out = new ArrayList<>();
            if (found != null && found.isJsonArray() && found.getAsJsonArray().size() <= MOST_LEVELS) {
                for (JsonElement value : found.getAsJsonArray()) {
                    double number = number(value);
                    if (number == Math.rint(number) && Math.abs(number) <= Integer.MAX_VALUE) {
                        out.add((int) number);
                    }
                }
            }
            if (out.isEmpty() || out.size() != found.getAsJsonArray().size()) {
                problems.add(
                        key + " must be a list of whole numbers, at most " + MOST_LEVELS + ", but is " + shown(found));
            }
            return out;
        }

        private int integer(String key, int missing) {
            if (!json.has(key)) {
                return missing;
            }
            double found = number(json.get(key));
            if (found != Math.rint(found) || Math.abs(found) > Integer.MAX_VALUE) {
                problems.add(key + " must be a whole number but is " + shown(json.get(key)));
            }
            return (int) found;
        }

        private double number(String key) {
            double found = number(json.get(key));
            if (Double.isNaN(found)) {
                problems.add(key + " must be a number but is " + shown(json.get(key)));
                return 1;
            }
            return found;
        }

        /** NaN if it is none, which is equal to no whole number either. */
        private static double number(@Nullable JsonElement found) {
            return found != null
                            && found.isJsonPrimitive()
                            && found.getAsJsonPrimitive().isNumber()
                    ? found.getAsDouble()
                    : Double.NaN;
        }

        private static String shown(@Nullable JsonElement found) {
            return found == null ? "missing" : MessageText.value(found.toString());
        }

        private boolean flag(String key) {
            JsonElement found = json.get(key);
            String text = found == null ? "true" : found.toString();
            if (!text.equals("true") && !text.equals("false")) {
                problems.add(key + " must be true or false but is " + found);
            }
            return text.equals("true");
        }

        private void unknownKeys() {
            Map<String, JsonElement> all = json.asMap();
            Set<String> known = Set.of(
                    "block_out_channels",
                    "act_fn",
                    "in_channels",
                    "out_channels",
                    "mid_block_add_attention",
                    "latents_mean",
                    "latents_std",
                    "shift_factor",
                    "down_block_types",
                    "up_block_types",
                    "latent_channels",
                    "layers_per_block",
                    "norm_num_groups",
                    "scaling_factor",
                    "use_quant_conv",
                    "use_post_quant_conv");
            all.keySet().stream()
                    .filter(key -> !known.contains(key) && !IGNORED.contains(key))
                    .forEach(key -> problems.add(MessageText.value(key) + " is not known to this version"));
        }
    }
}
