package io.github.maskalign.encoders.published;

import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An encoder as REPA's {@code --enc-type} names it, such as {@code dinov2-vit-b}, or a family alone, such as
 * {@code dinov2}, for any size.
 *
 * @param family the family
 * @param registers whether the name says that there are registers
 * @param width width that the size letter stands for; empty without one
 */
public record EncoderName(EncoderFamily family, boolean registers, OptionalInt width) {
    private static final Pattern NAME = Pattern.compile("([a-z0-9]+)(?:-vit-([a-z]))?");
    private static final Map<String, EncoderFamily> FAMILIES = Map.of(
            "dinov2", EncoderFamily.DINOV2,
            "dinov2reg", EncoderFamily.DINOV2,
            "dinov1", EncoderFamily.DINO,
            "mocov3", EncoderFamily.MOCOV3,
            "mae", EncoderFamily.MAE,
            "clip", EncoderFamily.CLIP,
            "jepa", EncoderFamily.IJEPA);
    private static final Map<String, Integer> WIDTHS = Map.of("s", 384, "b", 768, "l", 1024, "g", 1536, "h", 1280);

    /**
     * Reads a name; capitals do not matter.
     *
     * @throws IllegalArgumentException if it is not known; says which are
     */
    public static EncoderName parse(String name) {
        Matcher parts = NAME.matcher(name.toLowerCase(Locale.ROOT));
        if (!parts.matches() || !FAMILIES.containsKey(parts.group(1))) {
            throw unknown(name);
        }
        EncoderFamily family = FAMILIES.getOrDefault(parts.group(1), EncoderFamily.DINOV2);
        boolean registers = parts.group(1).equals("dinov2reg");
        if (parts.group(2) == null) {
            return new EncoderName(family, registers, OptionalInt.empty());
        }
        Integer width = WIDTHS.get(parts.group(2));
        if (width == null) {
            throw unknown(name);
        }
        return new EncoderName(family, registers, OptionalInt.of(width));
    }

    private static IllegalArgumentException unknown(String name) {
        return new IllegalArgumentException("the encoder must be dinov2, dinov2reg, dinov1, mocov3, mae, clip or jepa,"
                + " with or without a size such as -vit-s, -vit-b, -vit-l, -vit-h or -vit-g, but was " + name);
    }
}
