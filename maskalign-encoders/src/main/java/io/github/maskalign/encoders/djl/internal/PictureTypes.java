package io.github.maskalign.encoders.djl.internal;

import ai.djl.modality.cv.Image;
import ai.djl.repository.zoo.ModelNotFoundException;
import io.github.maskalign.core.image.Picture;
import java.util.List;
import java.util.function.Function;

/** The types a picture may have in a {@code Criteria}: {@link Picture} and DJL's {@link Image}. */
public final class PictureTypes {
    private PictureTypes() {}

    /** Whether a type is one of a picture. */
    public static boolean isPicture(Class<?> type) {
        return type == Picture.class || type == Image.class;
    }

    /** Returns how an input becomes a picture. */
    public static <I> Function<I, Picture> reader(Class<I> type) {
        return type == Picture.class ? Picture.class::cast : input -> Picture.ofImage((Image) input);
    }

    /** Returns how a picture becomes an output. */
    public static <O> Function<Picture, O> writer(Class<O> type) {
        return picture -> type.cast(type == Picture.class ? picture : picture.toImage());
    }

    /** Returns what a loader throws if it is asked for types that it has not. */
    public static ModelNotFoundException unsupported(String artifact, Class<?> in, Class<?> out, List<String> allowed) {
        return new ModelNotFoundException(artifact + " goes " + String.join(", ", allowed) + " but was asked for "
                + in.getName() + " to " + out.getName());
    }
}
