package io.github.maskalign.core.archive;

import com.google.gson.JsonParseException;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import java.io.EOFException;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * {@code dataset.json} of EDM's and REPA's folders: {@code {"labels": [["00000/img00000000.png", 3], …]}}.
 *
 * <p>Labels are matched by name. REPA pairs pictures and latents by rank, so that one missing file shifts all after it;
 * here a file without label or a label without file is an error.
 */
public record LabelFile(Path file, Map<String, Integer> labels) {
    /** The file's name. */
    public static final String NAME = "dataset.json";

    private static final int MOST_CLASSES = 1 << 20;

    /**
     * Reads a label file.
     *
     * @throws PictureSetException if it is not of the form above, or names a file twice
     */
    public static LabelFile read(Path file) throws IOException {
        Map<String, Integer> labels = new TreeMap<>();
        try (Reader text = Files.newBufferedReader(file, StandardCharsets.UTF_8);
                JsonReader json = new JsonReader(text)) {
            json.beginObject();
            while (json.hasNext()) {
                if (json.nextName().equals("labels") && json.peek() == JsonToken.BEGIN_ARRAY) {
                    json.beginArray();
                    while (json.hasNext()) {
                        readPair(file, json, labels);
                    }
                    json.endArray();
                } else {
                    json.skipValue();
                }
            }
            json.endObject();
        } catch (JsonParseException
                | IllegalStateException
                | NumberFormatException
                | EOFException
                | MalformedJsonException
                | CharacterCodingException e) {
            throw new PictureSetException(
                    file, "it must hold \"labels\" as pairs of name and class: " + e.getMessage(), e);
        }
        if (labels.isEmpty()) {
            throw new PictureSetException(file, "it has no \"labels\"");
        }
        return new LabelFile(file, labels);
    }

    private static void readPair(Path file, JsonReader json, Map<String, Integer> labels) throws IOException {
        json.beginArray();
        String name = json.nextString();
        int label = json.nextInt();
        json.endArray();
        if (label < 0 || label >= MOST_CLASSES) {
            throw new PictureSetException(
                    file, "the class of " + name + " must be in [0, " + (MOST_CLASSES - 1) + "] but is " + label);
        }
        if (labels.put(name, label) != null) {
            throw new PictureSetException(file, "it names " + name + " twice");
        }
    }

    /** Returns the classes, named by their numbers. */
    public List<String> classes() {
        int most = labels.values().stream().mapToInt(Integer::intValue).max().orElse(0);
        return IntStream.rangeClosed(0, most).mapToObj(Integer::toString).toList();
    }

    /**
     * Labels files.
     *
     * @param names the files there are
     * @throws PictureSetException if a file has no label, or a label no file
     */
    public List<LabelledPicture> pictures(List<String> names) throws PictureSetException {
        List<LabelledPicture> out = new ArrayList<>();
        List<String> unlabelled = new ArrayList<>();
        for (String name : names) {
            Integer label = labels.get(name);
            if (label == null) {
                unlabelled.add(name);
            } else {
                out.add(new LabelledPicture(name, label));
            }
        }
        if (!unlabelled.isEmpty() || out.size() != labels.size()) {
            List<String> missing = new ArrayList<>(labels.keySet());
            missing.removeAll(new java.util.HashSet<>(names));
            throw new PictureSetException(
                    file,
                    unlabelled.size() + " files have no label " + first(unlabelled) + " and " + missing.size()
                            + " labels have no file " + first(missing));
        }
        return out;
    }

    private static List<String> first(List<String> names) {
        return names.subList(0, Math.min(3, names.size()));
    }
}
