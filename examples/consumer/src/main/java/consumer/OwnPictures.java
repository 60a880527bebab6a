package consumer;

import io.github.maskalign.core.image.Resampler.CentreCrop;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Pictures of one's own, all of one size.
 *
 * @param pictures the pictures
 * @param classes the class of each, an index of names
 * @param names names of the classes
 */
public record OwnPictures(List<Picture> pictures, List<Integer> classes, List<String> names) {
    /** Side of the pictures in pixels. */
    public static final int SIDE = 32;

    /** Reads all pictures of a folder that has one folder for each class. */
    public static OwnPictures read(Path root) throws IOException {
        List<Picture> pictures = new ArrayList<>();
        List<Integer> classes = new ArrayList<>();
        List<String> names = new ArrayList<>();
        for (Path folder : sorted(root)) {
            for (Path file : sorted(folder)) {
                pictures.add(CentreCrop.adm(PictureReader.readUpright(file), SIDE));
                classes.add(names.size());
            }
            names.add(folder.getFileName().toString());
        }
        return new OwnPictures(pictures, classes, names);
    }

    /** Returns for each picture its bytes (3, 32, 32). */
    public byte[][] planes() {
        return pictures.stream().map(Picture::toPlanar).toArray(byte[][]::new);
    }

    /** Returns the class of each picture. */
    public int[] labels() {
        return classes.stream().mapToInt(Integer::intValue).toArray();
    }

    private static List<Path> sorted(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.sorted().toList();
        }
    }
}
