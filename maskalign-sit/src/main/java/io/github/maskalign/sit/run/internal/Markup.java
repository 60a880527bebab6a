package io.github.maskalign.sit.run.internal;

import java.util.Base64;
import java.util.Locale;

/** Text, numbers and pictures as HTML. */
public final class Markup {
    private Markup() {}

    /** Returns a text that stands for itself between tags and in quoted attributes. */
    public static String escape(String text) {
        StringBuilder out = new StringBuilder(text.length() + 16);
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '&' -> out.append("&amp;");
                case '<' -> out.append("&lt;");
                case '>' -> out.append("&gt;");
                case '"' -> out.append("&quot;");
                case '\'' -> out.append("&#39;");
                default -> out.append(Character.isISOControl(c) && c != '\n' && c != '\t' ? '\uFFFD' : c);
            }
        }
        return out.toString();
    }

    /** Returns a number with four significant digits, without needless zeros. */
    public static String number(double value) {
        return number(value, 4);
    }

    /** Returns a deviation, of which two digits are enough. */
    public static String deviation(double value) {
        return number(value, 2);
    }

    private static String number(double value, int significant) {
        if (!Double.isFinite(value)) {
            return "–";
        }
        double size = Math.abs(value);
        if (size != 0 && (size < 1e-3 || size >= 1e7)) {
            return String.format(Locale.ROOT, "%." + Math.min(2, significant - 1) + "e", value)
                    .replace('-', '−');
        }
        int digits = size == 0 ? 0 : Math.max(0, significant - 1 - (int) Math.floor(Math.log10(size)));
        String text = String.format(Locale.ROOT, "%,." + digits + "f", value);
        if (text.contains(".")) {
            text = text.replaceAll("0+$", "").replaceAll("\\.$", "");
        }
        return text.replace('-', '−');
    }

    /** Returns a duration in its two largest units. */
    public static String duration(double seconds) {
        if (!Double.isFinite(seconds)) {
            return "–";
        }
        long whole = Math.round(seconds);
        if (whole < 60) {
            return whole + " s";
        }
        if (whole < 3600) {
            return whole / 60 + " min " + whole % 60 + " s";
        }
        long hours = whole / 3600;
        return hours < 24 ? hours + " h " + whole % 3600 / 60 + " min" : hours / 24 + " d " + hours % 24 + " h";
    }

    /** Returns a PNG file as the address of a picture. */
    static String dataUri(byte[] picture) {
        String kind = picture.length > 1 && (picture[0] & 0xff) == 0xff && (picture[1] & 0xff) == 0xd8 ? "jpeg" : "png";
        return "data:image/" + kind + ";base64," + Base64.getEncoder().encodeToString(picture);
    }
}
