package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.data.internal.PictureSet.LabelledPicture;
import java.io.IOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Picture files below a folder for each class. */
public final class FolderSet implements PictureSet {
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
