package io.github.maskalign.examples;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.stream.Stream;
import picocli.CommandLine;

/** Runs command lines in this process and keeps what the last one wrote. */
public final class CommandRun {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    /** Runs {@code maskalign args...}; gives the exit code. */
    public int run(Object... args) {
        return run(Main.commandLine(), args);
    }

    /** Runs {@code scripts/bench/workbench args...}; gives the exit code. */
    public int workbench(Object... args) {
        return run(Workbench.commandLine(), args);
    }

    /** Runs the given commands. */
    public int run(CommandLine line, Object... args) {
        out.getBuffer().setLength(0);
        err.getBuffer().setLength(0);
        line.setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF));
        return Main.run(line, Stream.of(args).map(Object::toString).toArray(String[]::new));
    }

    public String out() {
        return out.toString();
    }

    public String err() {
        return err.toString();
    }
}
