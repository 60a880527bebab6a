package io.github.maskalign.examples;

import java.io.PrintWriter;
import java.nio.file.Path;
import picocli.CommandLine.Model.CommandSpec;

/**
 * How a command that makes something ends: its path alone on standard output, for scripts, and behind it a line on standard
 * error for people.
 */
final class Finished {
    private Finished() {}

    /**
     * Prints both.
     *
     * @param made the file or folder
     * @param what what was made, such as {@code 700 steps are trained}
     * @param next the words of the command that usually comes next
     */
    static void say(CommandSpec spec, Path made, String what, Object... next) {
        PrintWriter out = spec.commandLine().getOut();
        out.println(made);
        out.flush();
        PrintWriter err = spec.commandLine().getErr();
        err.println(what + ". Next: " + SameCommand.of(spec, next));
        err.flush();
    }
}
