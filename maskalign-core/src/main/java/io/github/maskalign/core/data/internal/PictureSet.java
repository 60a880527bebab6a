package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.data.internal.LabelFile.ClassFolders;
import io.github.maskalign.core.data.internal.TarSet.FileSlice;
import io.github.maskalign.core.files.internal.MessageText;
import java.io.IOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;

/** The pictures of a set in a fixed order, still encoded. Several threads may read at once. */
public interface PictureSet extends AutoCloseable {
    /** Returns the names of the classes, by label. */
    List<String> classes();

    /** Returns the number of pictures, at least 1. */
    int size();

    /** Returns name and label of a picture. */
    LabelledPicture picture(int index);

    /** Returns the bytes of a picture's file. */
    byte[] read(int index) throws IOException;

    @Override
    void close() throws IOException;

    /**
     * One picture of a set.
     *
     * @param name where it is in the set, such as {@code n01440764/n01440764_10026.JPEG}
     * @param label its class
     */
    record LabelledPicture(String name, int label) {}

    /** A file or folder is no picture set, or a damaged one; the message says what was found and what is allowed. */
    final class PictureSetException extends IOException {
        private static final long serialVersionUID = 1L;

        private final String problem;

        public PictureSetException(Path where, String problem) {
            super(message(where, problem));
            this.problem = MessageText.sentence(problem);
        }

        public PictureSetException(Path where, String problem, Throwable cause) {
            super(message(where, problem), cause);
            this.problem = MessageText.sentence(problem);
        }

        /** Returns what is wrong, without the name of the file. */
        public String problem() {
            return problem;
        }

        private static String message(Path where, String problem) {
            return MessageText.visible(where.toString()) + ": " + MessageText.sentence(problem);
        }
    }

    /** Which names are pictures. */
    final class PictureFormatNames {
        private static final Set<String> PICTURES = Set.of("jpg", "jpeg", "png");

        private PictureFormatNames() {}

        static boolean isPicture(String name) {
            return !isHidden(name) && PICTURES.contains(extension(name));
        }

        /** Returns what follows the last point of the last part, in lower case; empty if nothing does. */
        public static String extension(String name) {
            String last = name.substring(name.lastIndexOf('/') + 1);
            int point = last.lastIndexOf('.');
            return point < 0 ? "" : last.substring(point + 1).toLowerCase(Locale.ROOT);
        }

        static boolean isHidden(String name) {
            String last = name.substring(name.lastIndexOf('/') + 1);
            return last.startsWith(".") || name.startsWith("__MACOSX/");
        }
    }

    /** Picture files below a folder for each class. */
    final class FolderSet implements PictureSet {
        private final Path folder;
        private final List<String> classes;
        private final List<LabelledPicture> pictures;

        private FolderSet(Path folder, List<String> classes, List<LabelledPicture> pictures) {
            this.folder = folder;
            this.classes = classes;
            this.pictures = pictures;
        }

        public static FolderSet open(Path folder) throws IOException {
            List<String> names = names(folder);
            if (names.isEmpty()) {
                throw new PictureSetException(folder, "there is no .jpg, .jpeg or .png in this folder");
            }
            ClassFolders labels = ClassFolders.of(folder, names);
            return new FolderSet(
                    folder, labels.classes(), names.stream().map(labels::label).toList());
        }

        /** REPA's folder of preprocessed pictures, whose {@code dataset.json} has the labels. */
        public static FolderSet withLabels(Path folder) throws IOException {
            LabelFile labels = LabelFile.read(folder.resolve(LabelFile.NAME));
            return new FolderSet(folder, labels.classes(), labels.pictures(names(folder)));
        }

        private static List<String> names(Path folder) throws IOException {
            try (Stream<Path> files = Files.walk(folder, FileVisitOption.FOLLOW_LINKS)) {
                return files.filter(Files::isRegularFile)
                        .map(file -> folder.relativize(file).toString().replace('\\', '/'))
                        .filter(PictureFormatNames::isPicture)
                        .sorted()
                        .toList();
            }
        }

        @Override
        public List<String> classes() {
            return classes;
        }

        @Override
        public int size() {
            return pictures.size();
        }

        @Override
        public LabelledPicture picture(int index) {
            return pictures.get(index);
        }

        @Override
        public byte[] read(int index) throws IOException {
            return FileSlice.readWhole(folder.resolve(pictures.get(index).name()));
        }

        @Override
        public void close() {}
    }
}
