package io.github.maskalign.examples.training;

import ai.djl.engine.Engine;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.examples.emoji.EmojiEntry;
import io.github.maskalign.examples.emoji.EmojiSet;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * How an encoder was made, as JSON.
 *
 * @param what what it is, in a few words
 * @param version version of this program
 * @param facts numbers and texts of its own, such as steps and seed
 * @param pictures drawings of all artists that took part
 * @param artists who took part
 */
public record EncoderProvenance(
        String what, String version, Map<String, Object> facts, EmojiSet pictures, Artists artists) {
    private static final Gson GSON =
            new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();
    private static final double PER_MILLE = 1000;

    /**
     * Whose drawings an encoder learned from, and whose measure it.
     *
     * @param trained artists' sets it learned from
     * @param heldOut the set it has never seen: the queries
     * @param gallery one of the trained: where they are looked up
     */
    public record Artists(List<String> trained, String heldOut, String gallery) {
        /** @throws IllegalArgumentException if the sets overlap or do not suffice */
        public Artists {
            trained = List.copyOf(trained);
            if (trained.size() < 2) {
                throw new IllegalArgumentException("sets must name at least two artists' sets but was " + trained);
            }
            if (trained.contains(heldOut)) {
                throw new IllegalArgumentException("heldOut must not be among sets " + trained + " but was " + heldOut);
            }
            if (!trained.contains(gallery)) {
                throw new IllegalArgumentException("gallery must be among sets " + trained + " but was " + gallery);
            }
        }

        /** Returns all sets, the held-out one last. */
        public List<String> all() {
            List<String> sets = new ArrayList<>(trained);
            sets.add(heldOut);
            return sets;
        }
    }

    JsonObject with(Map<String, Retrieval> retrieval) {
        JsonObject out = new JsonObject();
        out.addProperty("what", what);
        out.addProperty("maskalign", version);
        out.addProperty("djl", Engine.getDjlVersion());
        out.addProperty("pytorch", Engine.getInstance().getVersion());
        facts.forEach((key, value) -> out.add(key, GSON.toJsonTree(value)));
        JsonArray sets = new JsonArray();
        Map<String, String> licences = licences();
        artists.trained().forEach(set -> sets.add(set(set, licences)));
        out.add("trained_on", sets);
        out.add("held_out", set(artists.heldOut(), licences));
        JsonObject measures = new JsonObject();
        measures.addProperty("queries", artists.heldOut());
        measures.addProperty("gallery", artists.gallery());
        retrieval.forEach((kind, found) -> {
            JsonObject figures = new JsonObject();
            figures.addProperty("top1", rounded(found.top1()));
            figures.addProperty("top5", rounded(found.top5()));
            figures.addProperty("queries", found.queries());
            figures.addProperty("gallery", found.gallery());
            measures.add(kind, figures);
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
