package io.github.maskalign.examples.autoencoder;

import ai.djl.engine.Engine;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.examples.emoji.EmojiEntry;
import io.github.maskalign.examples.emoji.EmojiSet;
import java.util.Map;
import java.util.TreeMap;

/** How an autoencoder was made, as JSON. */
final class AutoencoderProvenance {
    private static final double DIGITS = 1e4;

    private final Bound<AutoencoderConfig> config;
    private final String version;
    private final EmojiSet pictures;
    private final EmojiSet heldOut;

    AutoencoderProvenance(Bound<AutoencoderConfig> config, String version, EmojiSet pictures, EmojiSet heldOut) {
        this.config = config;
        this.version = version;
        this.pictures = pictures;
        this.heldOut = heldOut;
    }

    JsonObject with(long steps, long parameters, Reconstruction found) {
        AutoencoderConfig wanted = config.value();
        JsonObject out = new JsonObject();
        out.addProperty("what", "variational autoencoder of 4 x 4 patches for 64-pixel emoji, latents 16 x 16 x 4");
        out.addProperty("command", "maskalign train-autoencoder " + config.source());
        out.addProperty("maskalign", version);
        out.addProperty("djl", Engine.getDjlVersion());
        out.addProperty("pytorch", Engine.getInstance().getVersion());
        out.addProperty("parameters", parameters);
        out.addProperty("steps", steps);
        out.addProperty("seed", wanted.seed());
        out.addProperty("batch", wanted.batch());
        JsonObject loss = new JsonObject();
        loss.addProperty("pixel", 1);
        loss.addProperty("edge", wanted.edgeWeight());
        loss.addProperty("half", wanted.halfWeight());
        loss.addProperty("kl", wanted.klWeight());
        out.add("loss_weights", loss);
        out.addProperty("config_sha256", config.hash());
        out.add("trained_on", sets(pictures));
        out.addProperty("drawings", pictures.size());
        out.add("held_out", sets(heldOut));
        JsonObject measures = new JsonObject();
        measures.addProperty("drawings", found.pictures());
        measures.addProperty("psnr_db", rounded(found.psnr()));
        measures.addProperty("teacher_class_token_distance", rounded(found.classDistance()));
        measures.addProperty("teacher_patch_token_distance", rounded(found.patchDistance()));
        out.add("reconstruction_of_held_out", measures);
        return out;
    }

    private static JsonArray sets(EmojiSet set) {
        Map<String, String> licences = new TreeMap<>();
        for (EmojiEntry entry : set.entries()) {
            licences.put(entry.set(), entry.licence());
        }
        JsonArray out = new JsonArray();
        for (String name : set.config().sets()) {
            JsonObject one = new JsonObject();
            one.addProperty("set", name);
            one.addProperty("licence", licences.get(name));
            out.add(one);
        }
        return out;
    }

    private static double rounded(double value) {
        return Math.round(value * DIGITS) / DIGITS;
    }
}
