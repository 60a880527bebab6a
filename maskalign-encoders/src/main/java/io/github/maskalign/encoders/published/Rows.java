package io.github.maskalign.encoders.published;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.util.List;

/** Tensors below each other as one, read when it is needed. */
record Rows(List<TensorSource> parts, Shape shape) implements TensorSource {
    Rows(List<TensorSource> parts) {
        this(parts, below(parts));
    }

    /** Whether tensors have one type and differ in their first dimension at most. */
    static boolean fit(TensorSource... parts) {
        Shape first = parts[0].shape();
        for (TensorSource part : parts) {
            if (part.type() != parts[0].type()
                    || first.dimension() == 0
                    || part.shape().dimension() != first.dimension()
                    || !part.shape().slice(1).equals(first.slice(1))) {
                return false;
            }
        }
        return true;
    }

    private static Shape below(List<TensorSource> parts) {
        long rows = parts.stream().mapToLong(part -> part.shape().get(0)).sum();
        return new Shape(rows).addAll(parts.get(0).shape().slice(1));
    }

    @Override
    public TensorType type() {
        return parts.get(0).type();
    }

    @Override
    public String origin() {
        return parts.get(0).origin();
    }

    @Override
    public void sendTo(Sink sink) throws IOException {
        for (TensorSource part : parts) {
            part.sendTo(sink);
        }
    }
}
