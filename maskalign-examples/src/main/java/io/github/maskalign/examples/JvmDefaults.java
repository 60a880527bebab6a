package io.github.maskalign.examples;

import io.github.maskalign.core.distributed.Launch;
import java.io.Console;
import org.jspecify.annotations.Nullable;

/**
 * Settings of this JVM that have to stand before the first class of DJL or AWT is loaded. What the user has
 * set, as a property or in the environment, is left alone.
 */
final class JvmDefaults {
    /** Whether standard error is a terminal; the start script knows and says so. */
    private static final String TERMINAL = "maskalign.terminal";

    private JvmDefaults() {}

    static void apply() {
        // DJL reports its use to a server unless told not to, and fetches natives that are missing
        unlessSet("OPT_OUT_TRACKING", "OPT_OUT_TRACKING", "true");
        unlessSet("ai.djl.offline", "DJL_OFFLINE", "true");
        unlessSet("java.awt.headless", null, "true");
        if (isFollower()) {
            unlessSet("maskalign.log.level", null, "WARN"); // rank 0 speaks for all
        }
        if (isTerminal()) {
            // log lines erase the progress bar they would otherwise be appended to
            unlessSet("maskalign.log.start", null, "\r\u001B[K");
        }
    }

    /** Tells whether standard error is a terminal. */
    static boolean isTerminal() {
        String told = System.getProperty(TERMINAL);
        Console console = System.console();
        return told == null ? console != null : Boolean.parseBoolean(told);
    }

    private static boolean isFollower() {
        try {
            return Launch.detect(System.getenv()).rank() > 0;
        } catch (IllegalArgumentException e) {
            return false; // the command reports it
        }
    }

    private static void unlessSet(String property, @Nullable String variable, String value) {
        if (System.getProperty(property) == null && (variable == null || System.getenv(variable) == null)) {
            System.setProperty(property, value);
        }
    }
}
