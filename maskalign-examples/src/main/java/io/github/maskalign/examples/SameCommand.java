package io.github.maskalign.examples;

import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Model.CommandSpec;

/** Says after a stop which command goes on. */
final class SameCommand {
    private static final Logger LOG = LoggerFactory.getLogger(SameCommand.class);
    private static final String STARTED_BY = "maskalign.command"; // set by the start script
    private static final String PLAIN = "[A-Za-z0-9_./:=,@%+-]+";

    private SameCommand() {}

    /** Logs it; to be called before the process may end, while its signal is open. */
    static void goesOn(CommandSpec spec) {
        LOG.info("stopped and saved; the same command goes on: {}", of(spec));
    }

    /** Returns the command that this process was started with, for a shell. */
    static String of(CommandSpec spec) {
        return of(
                spec, spec.root().commandLine().getParseResult().originalArgs().toArray());
    }

    /** Returns a command of this program with other words, for a shell. */
    static String of(CommandSpec spec, Object... words) {
        return Stream.concat(
                        Stream.of(System.getProperty(STARTED_BY, spec.root().name())),
                        Stream.of(words).map(String::valueOf))
                .map(SameCommand::quoted)
                .collect(Collectors.joining(" "));
    }

    private static String quoted(String word) {
        return word.matches(PLAIN) ? word : "'" + word.replace("'", "'\\''") + "'";
    }
}
