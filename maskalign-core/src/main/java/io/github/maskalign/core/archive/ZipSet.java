package io.github.maskalign.core.archive;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/** Pictures of class folders in a zip archive, stored or deflated. */
final class ZipSet implements PictureSet {
    private static final int MOST_RATIO = 100;

    private final Path path;
    private final ZipFile zip;
    private final List<String> classes;
    private final List<LabelledPicture> pictures;

    private ZipSet(Path path, ZipFile zip, List<String> classes, List<LabelledPicture> pictures) {
        this.path = path;
        this.zip = zip;
        this.classes = classes;
        this.pictures = pictures;
    }

    static ZipSet open(Path path) throws IOException {
        ZipFile zip;
        try {
            zip = new ZipFile(path.toFile());
        } catch (ZipException e) {
            throw new PictureSetException(path, "it is no complete zip archive: " + e.getMessage(), e);
        }
        try {
            List<String> names = zip.stream()
                    .filter(entry -> !entry.isDirectory())
                    .map(ZipEntry::getName)
                    .filter(PictureFormatNames::isPicture)
                    .sorted()
                    .toList();
            if (names.isEmpty()) {
                throw new PictureSetException(path, "there is no .jpg, .jpeg or .png in the archive");
            }
            for (int i = 1; i < names.size(); i++) { // only one of two could be read
                if (names.get(i).equals(names.get(i - 1))) {
                    throw new PictureSetException(path, "it has two files " + names.get(i));
                }
            }
            ClassFolders labels = ClassFolders.of(path, names);
            return new ZipSet(
                    path,
                    zip,
                    labels.classes(),
                    names.stream().map(labels::label).toList());
        } catch (IOException | RuntimeException e) {
            zip.close();
            throw e;
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
        String name = pictures.get(index).name();
        ZipEntry entry = zip.getEntry(name);
        FileSlice.requireSmall(path, entry.getSize());
        if (entry.getSize() > MOST_RATIO * Math.max(1 << 10, entry.getCompressedSize())) {
            throw new PictureSetException(
                    path, name + " says it unpacks " + entry.getCompressedSize() + " bytes to " + entry.getSize());
        }
        try (InputStream in = zip.getInputStream(entry)) {
            byte[] bytes = in.readNBytes((int) entry.getSize());
            if (bytes.length != entry.getSize() || in.read() >= 0) {
                throw new PictureSetException(path, name + " does not have the size that the archive says");
            }
            return bytes;
        } catch (ZipException e) {
            throw new PictureSetException(path, name + " cannot be unpacked: " + e.getMessage(), e);
        }
    }

    @Override
    public void close() throws IOException {
        zip.close();
    }
}
