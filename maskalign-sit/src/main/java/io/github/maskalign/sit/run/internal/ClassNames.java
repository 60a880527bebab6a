package io.github.maskalign.sit.run.internal;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.MessageText;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Names of the classes that a run is trained on, by label; a run folder keeps them in {@value #FILE}.
 *
 * @param names one for each class, or none if they are not known
 */
public record ClassNames(List<String> names) {
    /** The file's name. */
    public static final String FILE = "classes.json";

    private static final Pattern NUMBERS = Pattern.compile("\\d{1,9}(-\\d{1,9})?");
    private static final int MOST = 100_000;
    private static final int SHOWN = 12;

    /** Copies the list. */
    public ClassNames {
        names = List.copyOf(names);
    }

    /**
     * Reads the names of a run.
     *
     * @return no names if the folder has no such file
     * @throws CheckpointFormatException if the file is no list of texts
     */
    public static ClassNames read(Path folder) throws IOException {
        Path file = folder.resolve(FILE);
        if (!Files.exists(file)) {
            return new ClassNames(List.of());
        }
        try {
            String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
            return new ClassNames(List.of(new Gson().fromJson(text, String[].class)));
        } catch (JsonParseException | NullPointerException e) {
            throw new CheckpointFormatException(file, "it must be a JSON array with the name of each class", e);
        }
    }

    /** Returns the content of {@link #FILE}. */
    public String json() {
        return new Gson().toJson(names) + "\n";
    }

    /** Returns the names in the order of their labels, as far as they fit into a line; empty if they are not known. */
    public String text() {
        List<String> shown =
                names.stream().limit(SHOWN).map(MessageText::visible).toList();
        return String.join(", ", shown) + (names.size() > SHOWN ? " and " + (names.size() - SHOWN) + " more" : "");
    }

    /** Returns the name of a class, or its number if it has no name. */
    public String name(int label) {
        return label < names.size() ? MessageText.visible(names.get(label)) : Integer.toString(label);
    }

    /** Returns the names of pictures' classes in their order; empty if no class has a name. */
    List<String> captions(long[] labels) {
        return names.isEmpty()
                ? List.of()
                : Arrays.stream(labels).mapToObj(label -> name((int) label)).toList();
    }

    /**
     * Returns the labels that are meant: a name of a class, its number, or a range such as {@code 0-3}. What is both a name
     * and a number is the name.
     *
     * @throws IllegalArgumentException if there is no such class
     */
    public List<Integer> labels(List<String> wanted) {
        List<Integer> labels = new ArrayList<>();
        for (String one : wanted) {
            String text = one.strip();
            int named = names.indexOf(text);
            if (named >= 0) {
                labels.add(named);
            } else if (NUMBERS.matcher(text).matches()) {
                addRange(text, labels);
            } else {
                throw new IllegalArgumentException("--labels: '" + MessageText.visible(one) + "' is neither "
                        + (names.isEmpty()
                                ? "a number nor a range, and the source knows no names of classes"
                                : "a class nor a number nor a range; the classes are " + text())
                        + "; write labels as 207,360,0-3");
            }
        }
        return labels;
    }

    private static void addRange(String text, List<Integer> labels) {
        String[] ends = text.split("-", 2);
        int first = Integer.parseInt(ends[0]);
        int last = Integer.parseInt(ends[ends.length - 1]);
        if (last < first || last - first >= MOST) {
            throw new IllegalArgumentException(
                    "--labels: range " + text + " must rise and hold at most " + MOST + " labels");
        }
        for (int label = first; label <= last; label++) {
            labels.add(label);
        }
    }
}
