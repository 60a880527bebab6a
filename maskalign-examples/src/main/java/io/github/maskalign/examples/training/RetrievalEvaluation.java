package io.github.maskalign.examples.training;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.examples.emoji.EmojiEntry;
import io.github.maskalign.examples.emoji.EmojiSet;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Measures whether features know what a drawing shows: each drawing of an artist the encoder has never seen is
 * looked up among the drawings of another artist, by cosine.
 *
 * <p>Queries are the emoji that both artists drew; the gallery is everything the second artist drew.
 */
public final class RetrievalEvaluation {
    private static final int CHUNK = 128;
    private static final int TOP = 5;

    private final EmojiSet pictures;
    private final List<Integer> queries = new ArrayList<>();
    private final List<Integer> gallery = new ArrayList<>();

    /**
     * Chooses queries and gallery.
     *
     * @param querySet the artist of the queries
     * @param gallerySet the artist of the gallery
     * @param limit at most so many drawings of the gallery, evenly spread, and the queries that belong to them
     */
    public RetrievalEvaluation(EmojiSet pictures, String querySet, String gallerySet, int limit) {
        this.pictures = pictures;
        List<Integer> all = indices(querySet, gallerySet);
        int count = Math.min(limit, all.size());
        Set<String> concepts = new HashSet<>();
        for (int i = 0; i < count; i++) {
            int index = all.get((int) ((long) i * all.size() / count));
            gallery.add(index);
            concepts.add(pictures.entry(index).concept());
        }
        for (int i = 0; i < pictures.size(); i++) {
            EmojiEntry entry = pictures.entry(i);
            if (entry.set().equals(querySet) && concepts.contains(entry.concept())) {
                queries.add(i);
            }
        }
        if (queries.isEmpty()) {
            throw new IllegalArgumentException("no emoji was drawn by both " + querySet + " and " + gallerySet);
        }
    }

    private List<Integer> indices(String querySet, String gallerySet) {
        if (querySet.equals(gallerySet)) {
            throw new IllegalArgumentException("queries and gallery must be of two sets but both are " + querySet);
        }
        List<Integer> out = new ArrayList<>();
        for (int i = 0; i < pictures.size(); i++) {
            if (pictures.entry(i).set().equals(gallerySet)) {
                out.add(i);
            }
        }
        return out;
    }

    /** Returns the side of the pictures in pixels. */
    int side() {
        return pictures.config().size();
    }

    /** Looks up by the class token and by the mean of the patch tokens of an encoder on the CPU; gives both by those names. */
    public Map<String, Retrieval> of(RepresentationEncoder encoder) {
        Map<Integer, float[]> classToken = new HashMap<>();
        Map<Integer, float[]> meanPatch = new HashMap<>();
        List<Integer> all = new ArrayList<>(queries);
        all.addAll(gallery);
        int side = pictures.config().size();
        for (int first = 0; first < all.size(); first += CHUNK) {
            List<Integer> chunk = all.subList(first, Math.min(all.size(), first + CHUNK));
            byte[] bytes = new byte[chunk.size() * pictures.pictureBytes()];
            for (int i = 0; i < chunk.size(); i++) {
                pictures.copyInto(chunk.get(i), bytes, i * pictures.pictureBytes());
            }
            try (NDManager manager = NDManager.newBaseManager(Device.cpu());
                    GradMode off = GradMode.off()) {
                NDArray images = OwnedArrays.of(manager, new Shape(chunk.size(), 3, side, side), bytes);
                EncoderTokens tokens = encoder.encode(images);
                put(chunk, tokens.classToken(), classToken);
                put(chunk, tokens.patchTokens().mean(new int[] {1}), meanPatch);
            }
        }
        return Map.of("class token", lookUp(classToken), "mean patch token", lookUp(meanPatch));
    }

    /** Features of the pixels themselves: bytes less the mean picture. */
    public Retrieval ofPixels() {
        Map<Integer, float[]> features = new HashMap<>();
        List<Integer> all = new ArrayList<>(queries);
        all.addAll(gallery);
        for (int index : all) {
            byte[] bytes = pictures.pixels(index);
            float[] values = new float[bytes.length];
            for (int i = 0; i < values.length; i++) {
                values[i] = bytes[i] & 0xFF;
            }
            features.put(index, values);
        }
        return lookUp(features);
    }

    private static void put(List<Integer> chunk, NDArray rows, Map<Integer, float[]> features) {
        float[] values = rows.toFloatArray();
        int width = values.length / chunk.size();
        for (int i = 0; i < chunk.size(); i++) {
            float[] row = new float[width];
            System.arraycopy(values, i * width, row, 0, width);
            features.put(chunk.get(i), row);
        }
    }

    /** Looks up centred features, the mean being that of the gallery for all kinds alike. */
    private Retrieval lookUp(Map<Integer, float[]> features) {
        double[] mean = new double[features.values().iterator().next().length];
        for (int index : gallery) {
            float[] row = features.getOrDefault(index, new float[0]);
            for (int k = 0; k < mean.length; k++) {
                mean[k] += row[k] / (double) gallery.size();
            }
        }
        Map<Integer, float[]> units = new HashMap<>();
        features.forEach((index, row) -> units.put(index, unit(row, mean)));
        int top1 = 0;
        int top5 = 0;
        for (int query : queries) {
            int rank = rank(query, units);
            top1 += rank == 0 ? 1 : 0;
            top5 += rank < TOP ? 1 : 0;
        }
        return new Retrieval(
                (double) top1 / queries.size(), (double) top5 / queries.size(), queries.size(), gallery.size());
    }

    /** Number of gallery drawings of other emoji that are at least as near as the right one. */
    private int rank(int query, Map<Integer, float[]> units) {
        String concept = pictures.entry(query).concept();
        float[] q = units.getOrDefault(query, new float[0]);
        double[] cosines = new double[gallery.size()];
        double right = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < cosines.length; i++) {
            float[] g = units.getOrDefault(gallery.get(i), new float[0]);
            cosines[i] = dot(q, g);
            if (pictures.entry(gallery.get(i)).concept().equals(concept)) {
                right = Math.max(right, cosines[i]);
            }
        }
        int rank = 0;
        for (int i = 0; i < cosines.length; i++) {
            boolean other = !pictures.entry(gallery.get(i)).concept().equals(concept);
            rank += other && cosines[i] >= right ? 1 : 0;
        }
        return rank;
    }

    private static float[] unit(float[] row, double[] mean) {
        double norm = 0;
        for (int k = 0; k < row.length; k++) {
            norm += (row[k] - mean[k]) * (row[k] - mean[k]);
        }
        double scale = 1 / Math.max(Math.sqrt(norm), 1e-12);
        float[] out = new float[row.length];
        for (int k = 0; k < row.length; k++) {
            out[k] = (float) ((row[k] - mean[k]) * scale);
        }
        return out;
    }

    private static double dot(float[] a, float[] b) {
        float sum = 0;
        for (int k = 0; k < a.length; k++) {
            sum += a[k] * b[k];
        }
        return sum;
    }
}
