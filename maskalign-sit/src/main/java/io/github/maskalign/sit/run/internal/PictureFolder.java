package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureFormatException;
import io.github.maskalign.core.image.PictureReader;
import io.github.maskalign.core.image.Resampler.CentreCrop;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** PNG and JPEG files of a folder and the folders in it, in the order of their paths. */
final class PictureFolder implements PictureSource {
    private static final byte[] PNG = {(byte) 0x89, 'P', 'N', 'G'};
    /** Place of the colour type in a PNG file, and its bit for alpha. */
    private static final int COLOUR_TYPE = 25;

    private static final int ALPHA = 4;

    private final Path folder;
    private final List<Path> files;
    private final int width;
    private final int height;
    private final int side;

    private PictureFolder(Path folder, List<Path> files, Picture first, int side) {
        this.folder = folder;
        this.files = files;
        this.side = side;
        width = first.width();
        height = first.height();
    }

    /**
     * Opens a folder.
     *
     * @param side side to which each picture is cropped; 0 if they all must have one size
     */
    static PictureFolder open(Path folder, int side) throws IOException {
        List<Path> files;
        try (Stream<Path> all = Files.walk(folder)) {
            files = all.filter(PictureFolder::isPicture).sorted().toList();
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        if (files.isEmpty()) {
            throw new CheckpointFormatException(
                    folder, "holds no pictures: there is no .png, .jpg or .jpeg file in it");
        }
        return new PictureFolder(folder, files, decode(files.get(0), side), side);
    }

    @Override
    public Path path() {
        return folder;
    }

    @Override
    public int size() {
        return files.size();
    }

    @Override
    public int height() {
        return height;
    }

    @Override
    public int width() {
        return width;
    }

    @Override
    public byte[] read(int first, int count) throws IOException {
        int bytes = height * width * 3;
        byte[] pixels = new byte[Math.multiplyExact(count, bytes)];
        try {
            IntStream.range(0, count).parallel().forEach(i -> {
                try {
                    System.arraycopy(checked(files.get(first + i)), 0, pixels, i * bytes, bytes);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        return pixels;
    }

    @Override
    public void close() {}

    private byte[] checked(Path file) throws IOException {
        Picture picture = decode(file, side);
        if (picture.width() != width || picture.height() != height) {
            throw new CheckpointFormatException(
                    file,
                    "has " + picture.width() + " x " + picture.height() + " pixels but " + files.get(0) + " has "
                            + width + " x " + height
                            + "; all pictures of a set must have the same size, or be cropped to one with --size N");
        }
        return picture.toInterleaved();
    }

    private static Picture decode(Path file, int side) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        if (isPng(bytes) && bytes.length > COLOUR_TYPE && (bytes[COLOUR_TYPE] & ALPHA) != 0) {
            throw new CheckpointFormatException(
                    file, "has an alpha channel, which has no place in the numbers; put it on a background first");
        }
        try {
            Picture picture = PictureReader.read(bytes, file.toString());
            boolean fits = picture.width() == side && picture.height() == side;
            return side == 0 || fits ? picture : CentreCrop.adm(picture, side);
        } catch (PictureFormatException e) {
            throw new CheckpointFormatException(file, "cannot be read as a picture: " + e.getMessage(), e);
        }
    }

    private static boolean isPng(byte[] bytes) {
        for (int i = 0; i < PNG.length; i++) {
            if (bytes.length <= i || bytes[i] != PNG[i]) {
                return false;
            }
        }
        return true;
    }

    private static boolean isPicture(Path file) {
        String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
        return (name.endsWith(".png") || name.endsWith(".jpg") || name.endsWith(".jpeg"))
                && !name.startsWith(".")
                && Files.isRegularFile(file);
    }
}
