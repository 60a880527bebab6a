package io.github.maskalign.sit.parity.internal;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.files.internal.MessageText;
import io.github.maskalign.sit.SiTConfig;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/** Reads the {@code config} of a parity case: the names that the official projects use. */
public final class ParityConfig {
    private static final int MOST_ENCODERS = 64;

    private ParityConfig() {}

    /**
     * Returns the model of a case. A config names every part whatever the family; which parts there are is the
     * family's: a class token with {@code reg} and {@code maskalign}, a mixer with {@code maskalign}, projectors with
     * all but {@code sit} and {@code sit-official}. Mixer and projectors of another family are made if their weights
     * are there.
     *
     * @param json the config
     * @param family the case's family
     * @param weights keys of its weights
     * @throws IllegalArgumentException if a key is missing or out of range
     */
    public static SiTConfig of(JsonObject json, String family, Collection<String> weights) {
        JsonObject own = json.deepCopy();
        boolean masked = family.equals("maskalign");
        if (!masked && !family.equals("reg")) {
            own.asMap().replace("cls_dim", new JsonPrimitive(0));
        }
        if (!masked && !any(weights, "mixer.")) {
            own.asMap().replace("mixer_layers", new JsonPrimitive(0));
        }
        if (family.startsWith("sit") && !any(weights, "projectors.")) {
            own.asMap().replace("z_dims", new JsonArray());
        }
        return of(own);
    }

    private static boolean any(Collection<String> weights, String prefix) {
        return weights.stream().anyMatch(key -> key.startsWith(prefix));
    }

    /**
     * Returns the model of a config that names exactly the parts there are, with all tokens kept. The mixer's blocks
     * have the MLP ratio of the others.
     *
     * @throws IllegalArgumentException if a key is missing or out of range
     */
    public static SiTConfig of(JsonObject json) {
        int mixerLayers = integer(json, "mixer_layers");
        List<Integer> widths = new ArrayList<>();
        JsonElement list = element(json, "z_dims");
        if (!list.isJsonArray() || list.getAsJsonArray().size() > MOST_ENCODERS) {
            throw wrong("z_dims", "a list of at most " + MOST_ENCODERS + " whole numbers", list);
        }
        for (JsonElement z : list.getAsJsonArray()) {
            widths.add(integer("z_dims", z));
        }
        double ratio = number(json, "mlp_ratio");
        SiTConfig config = SiTConfig.of(
                        integer(json, "input_size"),
                        integer(json, "patch_size"),
                        integer(json, "in_channels"),
                        integer(json, "hidden_size"),
                        integer(json, "depth"),
                        integer(json, "num_heads"),
                        integer(json, "num_classes"))
                .withOptions(ratio, 0.1, false, false)
                .withClassToken(integer(json, "cls_dim"))
                .withAlignment(integer(json, "encoder_depth"), integer(json, "projector_dim"), widths);
        return mixerLayers == 0
                ? config
                : config.withMixer(new MixerConfig(mixerLayers, 0, 0, ratio, MixerConfig.Conditioning.ADALN_ZERO));
    }

    private static int integer(JsonObject json, String key) {
        return integer(key, element(json, key));
    }

    private static int integer(String key, JsonElement value) {
        double number = number(value);
        if (number != Math.rint(number) || Math.abs(number) > Integer.MAX_VALUE) {
            throw wrong(key, "a whole number", value);
        }
        return (int) number;
    }

    private static double number(JsonObject json, String key) {
        double number = number(element(json, key));
        if (!Double.isFinite(number)) {
            throw wrong(key, "a number", element(json, key));
        }
        return number;
    }

    /** NaN if it is none, which is equal to no whole number either. */
    private static double number(JsonElement value) {
        return value.isJsonPrimitive() && value.getAsJsonPrimitive().isNumber() ? value.getAsDouble() : Double.NaN;
    }

    private static IllegalArgumentException wrong(String key, String rule, JsonElement found) {
        return new IllegalArgumentException(
                key + " must be " + rule + " but is " + MessageText.value(found.toString()));
    }

    private static JsonElement element(JsonObject json, String key) {
        JsonElement value = json.get(key);
        if (value == null) {
            throw new IllegalArgumentException("config has no key " + key);
        }
        return value;
    }
}
