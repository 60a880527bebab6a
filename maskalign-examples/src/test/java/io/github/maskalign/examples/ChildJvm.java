package io.github.maskalign.examples;

import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Starts another JVM with the class path of this one, and without its properties. */
public final class ChildJvm {
    private ChildJvm() {}

    public static Process start(Class<?> main, String... args) throws IOException {
        return builder(main, args).start();
    }

    /** Prepares it. */
    public static ProcessBuilder builder(Class<?> main, String... args) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-Xmx512m", "-cp", classPath(), main.getName()));
        command.addAll(List.of(args));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().keySet().removeAll(List.of("OPT_OUT_TRACKING", "DJL_OFFLINE", "JAVA_TOOL_OPTIONS"));
        return builder;
    }

    /** As {@link #builder}, with another jar in place of those whose names contain a word. */
    static ProcessBuilder replacing(String word, Path jar, Class<?> main, String... args) {
        ProcessBuilder builder = builder(main, args);
        List<String> command = builder.command();
        int at = command.indexOf("-cp") + 1;
        List<String> path = new ArrayList<>(List.of(command.get(at).split(File.pathSeparator)));
        path.removeIf(entry -> Path.of(entry).getFileName().toString().contains(word));
        path.add(jar.toString());
        command.set(at, String.join(File.pathSeparator, path));
        return builder;
    }

    /** The tests may be started from a jar that only names the class path in its manifest. */
    private static String classPath() {
        return System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"))
                .replace("\n", File.pathSeparator);
    }
}
