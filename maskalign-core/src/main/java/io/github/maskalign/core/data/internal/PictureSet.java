package io.github.maskalign.core.data.internal;

import java.io.IOException;
import java.util.List;

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
}
