package io.github.maskalign.sit.weights.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;

/** Reads the values of a tensor piece by piece, so that a tensor of any size takes little memory. */
public final class TensorStream {
    private TensorStream() {}

    /** Takes some of the values. */
    @FunctionalInterface
    public interface Floats {
        /** Reads all of {@code values}, which is not used again. */
        void accept(float[] values) throws IOException;
    }

    /** Takes some of the values. */
    @FunctionalInterface
    public interface Longs {
        /** Reads all of {@code values}, which is not used again. */
        void accept(long[] values) throws IOException;
    }

    /**
     * Sends all values of an F32, F16, BF16 or F64 tensor as float32, row-major.
     *
     * @throws io.github.maskalign.core.files.CheckpointFormatException if it has another type
     */
    public static void floats(TensorSource tensor, Floats sink) throws IOException {
        tensor.sendTo(chunk -> sink.accept(new Piece(tensor, chunk).floats()));
    }

    /**
     * Sends all values of a tensor of integers or booleans, row-major.
     *
     * @throws io.github.maskalign.core.files.CheckpointFormatException if it has another type
     */
    public static void longs(TensorSource tensor, Longs sink) throws IOException {
        tensor.sendTo(chunk -> sink.accept(new Piece(tensor, chunk).longs()));
    }

    /** A piece of a tensor as a tensor of its own. */
    private record Piece(TensorSource whole, ByteBuffer bytes) implements TensorSource {
        @Override
        public TensorType type() {
            return whole.type();
        }

        @Override
        public Shape shape() {
            return new Shape(bytes.remaining() * 8L / type().bits());
        }

        @Override
        public void sendTo(Sink sink) throws IOException {
            sink.accept(bytes.duplicate());
        }

        @Override
        public String origin() {
            return whole.origin();
        }
    }
}
