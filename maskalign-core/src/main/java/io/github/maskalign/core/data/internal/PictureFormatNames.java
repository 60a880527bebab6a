package io.github.maskalign.core.data.internal;

import java.util.Locale;
import java.util.Set;

/** Which names are pictures. */
public final class PictureFormatNames {
    private static final Set<String> PICTURES = Set.of("jpg", "jpeg", "png");

    private PictureFormatNames() {}

    static boolean isPicture(String name) {
        return !isHidden(name) && PICTURES.contains(extension(name));
    }

    /** Returns what follows the last point of the last part, in lower case; empty if nothing does. */
    public static String extension(String name) {
        String last = name.substring(name.lastIndexOf('/') + 1);
        int point = last.lastIndexOf('.');
        return point < 0 ? "" : last.substring(point + 1).toLowerCase(Locale.ROOT);
    }

    static boolean isHidden(String name) {
        String last = name.substring(name.lastIndexOf('/') + 1);
        return last.startsWith(".") || name.startsWith("__MACOSX/");
    }
}
