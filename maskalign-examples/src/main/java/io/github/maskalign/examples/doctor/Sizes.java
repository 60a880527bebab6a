package io.github.maskalign.examples.doctor;

import java.util.Locale;

/** Sizes for people. */
final class Sizes {
    private Sizes() {}

    /** Writes bytes in GiB, or in MiB below one GiB. */
    static String text(long bytes) {
        double mib = bytes / (double) (1 << 20);
        return mib < 1024
                ? String.format(Locale.ROOT, "%.0f MiB", mib)
                : String.format(Locale.ROOT, "%.1f GiB", mib / 1024);
    }
}
