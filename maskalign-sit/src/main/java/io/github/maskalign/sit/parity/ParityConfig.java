package io.github.maskalign.sit.parity;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.maskalign.core.align.MixerConfig;
import io.github.maskalign.sit.SiTConfig;
import java.util.ArrayList;
import java.util.List;

/** Reads the {@code config} of a parity case: the names that the official projects use. */
public final class ParityConfig {
    private ParityConfig() {}

    /**
     * Returns the model a parity case describes, with all tokens kept.
     *
     * @throws IllegalArgumentException if a key is missing or out of range
     */
    public static SiTConfig of(JsonObject json) {
        int mixerLayers = integer(json, "mixer_layers");
        List<Integer> widths = new ArrayList<>();
        for (JsonElement z : element(json, "z_dims").getAsJsonArray()) {
            widths.add(z.getAsInt());
        }
        SiTConfig config = SiTConfig.of(
                        integer(json, "input_size"),
                        integer(json, "patch_size"),
                        integer(json, "in_channels"),
                        integer(json, "hidden_size"),
                        integer(json, "depth"),
                        integer(json, "num_heads"),
                        integer(json, "num_classes"))
                .withOptions(element(json, "mlp_ratio").getAsDouble(), 0.1, false, false)
                .withClassToken(integer(json, "cls_dim"))
                .withAlignment(integer(json, "encoder_depth"), integer(json, "projector_dim"), widths);
        return mixerLayers == 0
                ? config
                : config.withMixer(new MixerConfig(mixerLayers, 0, 0, 4, MixerConfig.Conditioning.ADALN_ZERO));
    }

    private static int integer(JsonObject json, String key) {
        return element(json, key).getAsInt();
    }

    private static JsonElement element(JsonObject json, String key) {
        JsonElement value = json.get(key);
        if (value == null) {
            throw new IllegalArgumentException("config has no key " + key);
        }
        return value;
    }
}
