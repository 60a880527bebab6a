package io.github.maskalign.core.distributed.internal;

import ai.djl.ndarray.types.DataType;

/** The types that can be summed over ranks. */
public enum SummedType {
    FLOAT32,
    FLOAT64,
    INT64;

    /** @throws IllegalArgumentException for other types */
    public static SummedType of(DataType type) {
        return switch (type) {
            case FLOAT32 -> FLOAT32;
            case FLOAT64 -> FLOAT64;
            case INT64 -> INT64;
            default ->
                throw new IllegalArgumentException(
                        "only FLOAT32, FLOAT64 and INT64 can be summed over ranks but the array is " + type);
        };
    }
}
