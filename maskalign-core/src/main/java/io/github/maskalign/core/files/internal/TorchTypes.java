package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.TensorType;
import org.jspecify.annotations.Nullable;

/** What PyTorch calls the element types. */
final class TorchTypes {
    private TorchTypes() {}

    /** Returns the name after {@code torch.}, or null if PyTorch has no such type. */
    static @Nullable String dtype(TensorType type) {
        return switch (type) {
            case BOOL -> "bool";
            case U8 -> "uint8";
            case I8 -> "int8";
            case F8_E5M2 -> "float8_e5m2";
            case F8_E4M3 -> "float8_e4m3fn";
            case F8_E8M0 -> "float8_e8m0fnu";
            case F8_E4M3FNUZ -> "float8_e4m3fnuz";
            case F8_E5M2FNUZ -> "float8_e5m2fnuz";
            case I16 -> "int16";
            case U16 -> "uint16";
            case F16 -> "float16";
            case BF16 -> "bfloat16";
            case I32 -> "int32";
            case U32 -> "uint32";
            case F32 -> "float32";
            case C64 -> "complex64";
            case F64 -> "float64";
            case I64 -> "int64";
            case U64 -> "uint64";
            case F4, F6_E2M3, F6_E3M2 -> null;
        };
    }

    /** Returns the class after {@code torch.} that storages of a type have in files, or null for the newer types. */
    static @Nullable String storage(TensorType type) {
        return switch (type) {
            case F64 -> "DoubleStorage";
            case F32 -> "FloatStorage";
            case F16 -> "HalfStorage";
            case BF16 -> "BFloat16Storage";
            case I64 -> "LongStorage";
            case I32 -> "IntStorage";
            case I16 -> "ShortStorage";
            case I8 -> "CharStorage";
            case U8 -> "ByteStorage";
            case BOOL -> "BoolStorage";
            case C64 -> "ComplexFloatStorage";
            default -> null;
        };
    }
}
