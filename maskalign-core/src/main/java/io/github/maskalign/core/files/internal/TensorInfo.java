package io.github.maskalign.core.files.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorType;

/**
 * What the header of a safetensors file says about one tensor.
 *
 * @param name the tensor's name
 * @param type the type of its elements
 * @param shape its shape; rank 0 for a single number, a 0 in it for an empty tensor
 * @param begin where its bytes begin, counted from the end of the header
 * @param end the position after its last byte
 */
public record TensorInfo(String name, TensorType type, Shape shape, long begin, long end) {
    /** Returns the number of bytes. */
    public long byteSize() {
        return end - begin;
    }

    public String describe() {
        return "tensor " + StrictJson.quote(name);
    }
}
