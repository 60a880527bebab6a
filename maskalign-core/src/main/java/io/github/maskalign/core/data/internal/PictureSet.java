package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.data.internal.LabelFile.ClassFolders;
import io.github.maskalign.core.data.internal.TarSet.FileSlice;
import io.github.maskalign.core.files.internal.FileBytes;
import io.github.maskalign.core.files.internal.MessageText;
import io.github.maskalign.core.files.internal.ZipArchive;
import io.github.maskalign.core.files.internal.ZipArchive.ZipEntryInfo;
import io.github.maskalign.core.files.internal.ZipArchive.ZipRules;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
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
            return name.startsWith(".") || name.contains("/.") || name.startsWith("__MACOSX/");
        }
    }

    /** A set whose pictures are listed in memory, labels included. */
    abstract class Listed implements PictureSet {
        private final List<String> classes;
        private final List<LabelledPicture> pictures;

        Listed(List<String> classes, List<LabelledPicture> pictures) {
            this.classes = classes;
            this.pictures = pictures;
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
    }

    /** Picture files below a folder for each class. */
    final class FolderSet extends Listed {
        private final Path folder;

        private FolderSet(Path folder, List<String> classes, List<LabelledPicture> pictures) {
            super(classes, pictures);
            this.folder = folder;
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
            } catch (UncheckedIOException e) {
                throw e.getCause(); // such as a folder that may not be read
            }
        }

        @Override
        public byte[] read(int index) throws IOException {
            return FileSlice.readWhole(folder.resolve(picture(index).name()));
        }

        @Override
        public void close() {}
    }

    /** Pictures of class folders in a zip archive, stored or deflated, as Info-ZIP, Python, macOS and Windows write them. */
    final class ZipSet extends PictureSet.Listed {
        private static final int MAX_NAME_BYTES = 4096;
        private static final int MAX_ENTRIES = 1 << 24;
        private static final int MAX_RATIO = 100;
        private static final long FREE_BYTES = 1 << 20;

        /** Names that are not marked are UTF-8 on macOS and Linux; what is none comes from DOS and Windows. */
        private static final ZipRules RULES = new ZipRules(
                ZipRules.Layout.ANY,
                List.of(StandardCharsets.UTF_8, ZipRules.DOS),
                MAX_NAME_BYTES,
                MAX_ENTRIES,
                MAX_RATIO,
                FREE_BYTES,
                Long.MAX_VALUE, // pictures are unpacked one at a time
                "");

        private final FileBytes file;
        private final ZipArchive zip;
        private final List<ZipEntryInfo> entries;

        private ZipSet(FileBytes file, ZipArchive zip, List<ZipEntryInfo> entries, ClassFolders labels) {
            super(
                    labels.classes(),
                    entries.stream().map(entry -> labels.label(entry.name())).toList());
            this.file = file;
            this.zip = zip;
            this.entries = entries;
        }

        public static ZipSet open(Path path) throws IOException {
            FileBytes file = FileBytes.open(
                    path,
                    (problem, cause) -> cause == null
                            ? new PictureSetException(path, problem)
                            : new PictureSetException(path, problem, cause));
            try {
                ZipArchive zip = ZipArchive.open(file, RULES);
                List<ZipEntryInfo> entries = zip.entries().stream()
                        .filter(entry -> !entry.isFolder() && PictureFormatNames.isPicture(entry.name()))
                        .sorted(Comparator.comparing(ZipEntryInfo::name))
                        .toList();
                if (entries.isEmpty()) {
                    throw new PictureSetException(path, "there is no .jpg, .jpeg or .png in the archive");
                }
                ClassFolders labels = ClassFolders.of(
                        path, entries.stream().map(ZipEntryInfo::name).toList());
                return new ZipSet(file, zip, entries, labels);
            } catch (IOException | RuntimeException | Error e) {
                file.close();
                throw e;
            }
        }

        @Override
        public byte[] read(int index) throws IOException {
            ZipEntryInfo entry = entries.get(index);
            FileSlice.requireSmall(file.path(), entry.size());
            return zip.content(entry);
        }

        @Override
        public void close() throws IOException {
            file.close();
        }
    }
}
