package io.github.maskalign.examples.teacher;

import ai.djl.engine.Engine;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.examples.emoji.EmojiEntry;
import io.github.maskalign.examples.emoji.EmojiSet;
import java.util.Map;
import java.util.TreeMap;

/** How a teacher was made, as JSON. */
final class TeacherProvenance {
    private static final Gson GSON =
            new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();
    private static final double PER_MILLE = 1000;

    private final Bound<TeacherConfig> config;
    private final String version;
    private final EmojiSet pictures;
    private final int pairs;
    private final long step;

    TeacherProvenance(Bound<TeacherConfig> config, String version, EmojiSet pictures, int pairs, long step) {
        this.config = config;
        this.version = version;
        this.pictures = pictures;
        this.pairs = pairs;
        this.step = step;
    }

    JsonObject with(Map<String, Retrieval> retrieval) {
        TeacherConfig teacher = config.value();
        JsonObject out = new JsonObject();
        out.addProperty("what", "vision transformer of the DINOv2 architecture for 32-pixel emoji");
        out.addProperty("maskalign", version);
        out.addProperty("djl", Engine.getDjlVersion());
        out.addProperty("pytorch", Engine.getInstance().getVersion());
        out.addProperty("steps", step);
        out.addProperty("seed", teacher.seed());
        out.addProperty("batch_pairs", teacher.batch());
        out.addProperty("emoji_in_training", pairs);
        out.addProperty("config_sha256", config.hash());
        JsonArray sets = new JsonArray();
        Map<String, String> licences = licences();
        teacher.sets().forEach(set -> sets.add(set(set, licences)));
        out.add("trained_on", sets);
        out.add("held_out", set(teacher.heldOut(), licences));
        JsonObject measures = new JsonObject();
        measures.addProperty("queries", teacher.heldOut());
        measures.addProperty("gallery", teacher.gallery());
        retrieval.forEach((what, found) -> {
            JsonObject figures = new JsonObject();
            figures.addProperty("top1", rounded(found.top1()));
            figures.addProperty("top5", rounded(found.top5()));
            figures.addProperty("queries", found.queries());
            figures.addProperty("gallery", found.gallery());
            measures.add(what, figures);
        });
        out.add("retrieval", measures);
        return out;
    }

    static JsonObject withHash(JsonObject provenance, byte[] archive) {
        JsonObject out = provenance.deepCopy();
        out.addProperty("sha256", Digests.sha256(archive));
        return out;
    }

    static String text(JsonObject json) {
        return GSON.toJson(json) + "\n";
    }

    private Map<String, String> licences() {
        Map<String, String> out = new TreeMap<>();
        for (EmojiEntry entry : pictures.entries()) {
            out.put(entry.set(), entry.licence());
        }
        return out;
    }

    private static JsonObject set(String name, Map<String, String> licences) {
        JsonObject out = new JsonObject();
        out.addProperty("set", name);
        out.addProperty("licence", licences.get(name));
        return out;
    }

    private static double rounded(double share) {
        return Math.round(share * PER_MILLE) / PER_MILLE;
    }
}
