package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.TensorType;
import java.util.Optional;

/** NumPy's names of element types, such as {@code <f4}. */
public record NpyType(TensorType type, boolean bigEndian) {
    static final String ALLOWED = "b1, i1, i2, i4, i8, u1, u2, u4, u8, f2, f4, f8 and c8";

    /** Returns the type of a {@code descr}, if it is one that a tensor can have. */
    static Optional<NpyType> of(String descr) {
        if (descr.length() != 3) {
            return Optional.empty();
        }
        char order = descr.charAt(0);
        Optional<TensorType> type = kind(descr.substring(1));
        boolean oneByte = type.filter(t -> t.bits() == 8).isPresent();
        if (order != '<' && order != '>' && !(order == '|' && oneByte)) {
            return Optional.empty();
        }
        return type.map(t -> new NpyType(t, order == '>' && !oneByte));
    }

    /** Returns the {@code descr} of little-endian elements. */
    public static String descr(TensorType type) {
        String kind = switch (type) {
            case BOOL -> "|b1";
            case I8 -> "|i1";
            case U8 -> "|u1";
            case I16 -> "<i2";
            case I32 -> "<i4";
            case I64 -> "<i8";
            case U16 -> "<u2";
            case U32 -> "<u4";
            case U64 -> "<u8";
            case F16 -> "<f2";
            case F32 -> "<f4";
            case F64 -> "<f8";
            case C64 -> "<c8";
            default -> "";
        };
        if (kind.isEmpty()) {
            throw new IllegalArgumentException("NumPy has no type for " + type + "; it has " + ALLOWED);
        }
        return kind;
    }

    /** Returns how many bytes change places when the byte order does: half an element for a complex number. */
    int swappedBytes() {
        return type == TensorType.C64 ? 4 : type.bits() / 8;
    }

    private static Optional<TensorType> kind(String kind) {
        return Optional.ofNullable(
                switch (kind) {
                    case "b1" -> TensorType.BOOL;
                    case "i1" -> TensorType.I8;
                    case "u1" -> TensorType.U8;
                    case "i2" -> TensorType.I16;
                    case "i4" -> TensorType.I32;
                    case "i8" -> TensorType.I64;
                    case "u2" -> TensorType.U16;
                    case "u4" -> TensorType.U32;
                    case "u8" -> TensorType.U64;
                    case "f2" -> TensorType.F16;
                    case "f4" -> TensorType.F32;
                    case "f8" -> TensorType.F64;
                    case "c8" -> TensorType.C64;
                    default -> null;
                });
    }
}
