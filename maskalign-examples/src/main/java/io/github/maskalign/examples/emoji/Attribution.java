package io.github.maskalign.examples.emoji;

import java.util.List;

/** The text that credits the artists of pictures drawn from their sets, as their licences ask. */
final class Attribution {
    private Attribution() {}

    static String text(List<SetInfo> credits) {
        StringBuilder out = new StringBuilder(
                "These pictures are, or were made by a model trained on, drawings of emoji by these"
                        + " artists.\nThe drawings were turned into pixels on a plain background; nothing else was changed.\n");
        for (SetInfo set : credits) {
            out.append('\n').append(set.title()).append(" (").append(set.set()).append(")\n");
            line(out, "by", set.author(), set.authorUrl());
            line(out, "licence", set.licence(), set.licenceUrl());
        }
        return out.toString();
    }

    private static void line(StringBuilder out, String what, String name, String url) {
        out.append("  ").append(what).append(": ").append(name);
        if (!url.isEmpty()) {
            out.append(", ").append(url);
        }
        out.append('\n');
    }
}
