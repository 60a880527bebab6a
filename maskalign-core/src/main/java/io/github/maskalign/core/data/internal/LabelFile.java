package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.data.internal.PictureSet.LabelledPicture;
import io.github.maskalign.core.data.internal.PictureSet.PictureSetException;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.MessageText;
import io.github.maskalign.core.files.internal.StrictJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
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
    private static final int MOST_KEYS = 1_000;
    private static final String PAIRS = "\"labels\", pairs of name and class,";

    /**
     * Reads a label file.
     *
     * @throws PictureSetException if it is not of the form above, or names a file twice
     */
    public static LabelFile read(Path file) throws IOException {
        Map<String, Integer> labels = new TreeMap<>();
        try {
            StrictJson.stream(
                    file,
                    "the label file",
                    json -> json.object("the label file", MOST_KEYS, key -> {
                        if (key.equals("labels")) {
                            json.array(PAIRS, () -> readPair(json, labels));
                        } else {
                            json.skip();
                        }
                    }));
        } catch (CheckpointFormatException e) {
            throw new PictureSetException(file, e.problems().get(0), e);
        }
        if (labels.isEmpty()) {
            throw new PictureSetException(file, "it has no \"labels\"");
        }
        return new LabelFile(file, labels);
    }

    private static void readPair(StrictJson json, Map<String, Integer> labels) throws IOException {
        List<String> name = new ArrayList<>();
        List<Long> label = new ArrayList<>();
        json.array(PAIRS, () -> {
            if (name.isEmpty()) {
                name.add(json.string("the name in " + PAIRS));
            } else if (label.isEmpty()) {
                label.add(json.count("the class of " + MessageText.quote(name.get(0))));
            } else {
                throw json.problem(PAIRS + " must be of two but one has more");
            }
        });
        if (label.isEmpty()) {
            throw json.problem(PAIRS + " must be of two but one has less");
        }
        String shown = MessageText.quote(name.get(0));
        if (label.get(0) >= MOST_CLASSES) {
            throw json.problem(
                    "the class of " + shown + " must be in [0, " + (MOST_CLASSES - 1) + "] but is " + label.get(0));
        }
        if (labels.put(name.get(0), label.get(0).intValue()) != null) {
            throw json.problem("it names " + shown + " twice");
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
        return names.stream().limit(3).map(MessageText::visible).toList();
    }

    /**
     * Labels by the first part of the name: the rank of that folder among all, in code unit order. The convention of
     * torchvision's ImageFolder and of REPA's preprocessing. Pictures that all lie in no folder are one class, called as
     * the set.
     */
    static final class ClassFolders {
        private final List<String> classes;
        private final Map<String, Integer> ranks = new HashMap<>();
        private final boolean flat;

        private ClassFolders(List<String> classes, boolean flat) {
            this.classes = classes;
            this.flat = flat;
            for (int i = 0; i < classes.size(); i++) {
                ranks.put(classes.get(i), i);
            }
        }

        static ClassFolders of(Path where, Collection<String> pictures) throws PictureSetException {
            TreeSet<String> found = new TreeSet<>();
            List<String> alone = new ArrayList<>();
            for (String name : pictures) {
                int slash = name.indexOf('/');
                if (slash <= 0) {
                    alone.add(name);
                } else {
                    found.add(name.substring(0, slash));
                }
            }
            if (!alone.isEmpty() && !found.isEmpty()) {
                throw new PictureSetException(
                        where,
                        "pictures must all lie in a folder for each class, or all in none, but "
                                + MessageText.quote(alone.get(0)) + " lies in none and others in "
                                + MessageText.quote(found.first()));
            }
            return found.isEmpty()
                    ? new ClassFolders(List.of(nameOf(where)), true)
                    : new ClassFolders(new ArrayList<>(found), false);
        }

        private static String nameOf(Path set) {
            String name = String.valueOf(set.toAbsolutePath().normalize().getFileName());
            return Files.isDirectory(set) ? name : name.replaceFirst("(?i)\\.(zip|tar)$", "");
        }

        List<String> classes() {
            return classes;
        }

        LabelledPicture label(String name) {
            int slash = name.indexOf('/');
            return new LabelledPicture(name, flat ? 0 : ranks.getOrDefault(name.substring(0, slash), -1));
        }
    }
}
