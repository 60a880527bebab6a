package io.github.maskalign.examples;

import io.github.maskalign.core.data.PictureSets;
import io.github.maskalign.core.data.internal.PictureSet;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureFormatException;
import io.github.maskalign.core.image.PictureReader;
import io.github.maskalign.sit.run.internal.ClassNames;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * What a config has to know of pictures.
 *
 * @param path where they are; null for the emoji
 * @param names names of their classes
 * @param counts number of pictures of each class
 * @param looked how many were opened
 * @param unreadable how many of these cannot be read
 * @param smallest shortest side of those that can
 * @param largest longest side
 */
record PictureSurvey(
        @Nullable Path path,
        ClassNames names,
        List<Integer> counts,
        int looked,
        int unreadable,
        int smallest,
        int largest) {
    private static final int MOST = 48;
    private static final int EMOJI = 9_000;
    private static final List<String> EMOJI_CLASSES =
            List.of("smileys", "people", "animals", "food", "travel", "activities", "objects", "symbols");

    /** The emoji, which are drawn when training begins. */
    static PictureSurvey emoji() {
        List<Integer> counts =
                EMOJI_CLASSES.stream().map(name -> EMOJI / EMOJI_CLASSES.size()).toList();
        return new PictureSurvey(null, new ClassNames(EMOJI_CLASSES), counts, 0, 0, 0, 0);
    }

    /** Lists the pictures of a folder or archive, and opens some at even distances. */
    static PictureSurvey of(Path path) throws IOException {
        try (PictureSet set = PictureSets.open(path)) {
            int[] counts = new int[set.classes().size()];
            for (int i = 0; i < set.size(); i++) {
                counts[set.picture(i).label()]++;
            }
            int looked = Math.min(MOST, set.size());
            int unreadable = 0;
            int smallest = Integer.MAX_VALUE;
            int largest = 0;
            for (int i = 0; i < looked; i++) {
                int index = (int) ((long) i * set.size() / looked);
                try {
                    Picture picture = PictureReader.read(
                            set.read(index), set.picture(index).name());
                    smallest = Math.min(smallest, Math.min(picture.width(), picture.height()));
                    largest = Math.max(largest, Math.max(picture.width(), picture.height()));
                } catch (PictureFormatException e) {
                    unreadable++;
                }
            }
            if (unreadable == looked) {
                throw CommandFailure.badInput(path + ": none of " + looked + " pictures can be read");
            }
            return new PictureSurvey(
                    path,
                    new ClassNames(set.classes()),
                    IntStream.of(counts).boxed().toList(),
                    looked,
                    unreadable,
                    smallest,
                    largest);
        }
    }

    int pictures() {
        return counts.stream().mapToInt(Integer::intValue).sum();
    }

    int classes() {
        return counts.size();
    }

    String title() {
        return path == null ? "the emoji" : pictures() + " pictures in " + classes() + " classes";
    }

    /** Names for {@code sample --labels}, with the option. */
    String labels() {
        List<String> usual = names.names().stream()
                .filter(name -> name.matches("[A-Za-z][A-Za-z0-9_.-]*"))
                .limit(2)
                .toList();
        return usual.isEmpty() ? "" : " --labels " + String.join(",", usual);
    }

    /** A comment on the classes. */
    String classNames() {
        if (path == null) {
            return " # " + names.text();
        }
        List<String> counted = IntStream.range(0, classes())
                .mapToObj(label -> names.name(label) + " " + counts.get(label))
                .toList();
        return " # " + new ClassNames(counted).text();
    }

    /** A comment on the sides. */
    String sides(int side) {
        if (path == null) {
            return "; emoji are drawn at any";
        }
        String found = smallest == largest ? smallest + " x " + smallest : smallest + " to " + largest;
        String text = "; centre crops of pictures of " + found + " pixels (" + looked + " looked at";
        return text
                + (unreadable > 0 ? ", " + unreadable + " cannot be read and will be left out" : "")
                + (smallest < side ? "; smaller ones are enlarged)" : ")");
    }

    /** The section data, as lines that end with a line break. */
    String section() {
        if (path == null) {
            return "  kind: EMOJI\n  sets: [noto, noto-v1, fluent-emoji-flat, twemoji, fxemoji, emojione]\n";
        }
        return "  kind: FOLDER\n  path: " + ConfigDraft.quoted(path.toString())
                + "\n  flip: " + (pictures() < 1_000)
                + " # mirrors half of the samples; not for pictures with letters, or a left and a right\n";
    }
}
