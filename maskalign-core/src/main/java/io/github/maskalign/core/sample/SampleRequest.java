package io.github.maskalign.core.sample;

import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A batch of pictures to draw. Their noise is addressed by position, so a set may be cut into batches and
 * spread over devices at will.
 *
 * @param first position of the first picture in the whole set, at least 0
 * @param labels one class for each of the N pictures
 * @param latentShape shape of one latent (C, H, W)
 * @param classTokenWidth width Z of the class token that is sampled along, 0 for none
 */
public record SampleRequest(long first, long[] labels, Shape latentShape, int classTokenWidth) {
    public SampleRequest {
        if (first < 0) {
            throw new IllegalArgumentException("first must be at least 0 but was " + first);
        }
        if (labels.length == 0) {
            throw new IllegalArgumentException("a request must ask for at least one picture but labels was empty");
        }
        labels = labels.clone();
        for (long label : labels) {
            if (label < 0) {
                throw new IllegalArgumentException("labels must be at least 0 but one was " + label);
            }
        }
        if (latentShape.dimension() != 3 || latentShape.size() < 1) {
            throw new IllegalArgumentException("latentShape must be (C, H, W) but was " + latentShape);
        }
        if (classTokenWidth < 0) {
            throw new IllegalArgumentException("classTokenWidth must be at least 0 but was " + classTokenWidth);
        }
    }

    /** Returns a copy of the labels. */
    @Override
    public long[] labels() {
        return labels.clone();
    }

    /** Returns the number of pictures N. */
    public int size() {
        return labels.length;
    }

    /** Returns the shapes of the state: (N, C, H, W) and, with a class token, (N, Z). */
    public List<Shape> stateShapes() {
        List<Shape> shapes = new ArrayList<>();
        shapes.add(new Shape(size()).addAll(latentShape));
        if (classTokenWidth > 0) {
            shapes.add(new Shape(size(), classTokenWidth));
        }
        return List.copyOf(shapes);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof SampleRequest that
                && first == that.first
                && Arrays.equals(labels, that.labels)
                && latentShape.equals(that.latentShape)
                && classTokenWidth == that.classTokenWidth;
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(new Object[] {first, Arrays.hashCode(labels), latentShape, classTokenWidth});
    }

    @Override
    public String toString() {
        return "SampleRequest[" + size() + " from " + first + ", latent " + latentShape + ", class token "
                + classTokenWidth + "]";
    }
}
