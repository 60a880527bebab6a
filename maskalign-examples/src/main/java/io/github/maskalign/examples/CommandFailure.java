package io.github.maskalign.examples;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Ends a command with a message for its user and an exit code. */
final class CommandFailure extends RuntimeException {
    private final int exitCode;

    private CommandFailure(int exitCode, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.exitCode = exitCode;
    }

    /** A check or a run failed: exit code 1. */
    static CommandFailure failed(String message) {
        return new CommandFailure(ExitCode.FAILED, message, null);
    }

    /** An argument, a config or an input file is not what it has to be: exit code 2. */
    static CommandFailure badInput(String message) {
        return new CommandFailure(ExitCode.BAD_INPUT, message, null);
    }

    /** As {@link #badInput(String)}, found out by another exception. */
    static CommandFailure badInput(String message, Throwable cause) {
        return new CommandFailure(ExitCode.BAD_INPUT, message, cause);
    }

    /** Refuses an option's number below the least allowed one. */
    static void requireAtLeast(long least, String option, long value) {
        if (value < least) {
            throw badInput(option + " must be at least " + least + " but was " + value);
        }
    }

    int exitCode() {
        return exitCode;
    }

    /**
     * What the process says to the shell. A process that ends by SIGINT or SIGTERM has 130 or 143 from the
     * system.
     */
    static final class ExitCode {
        static final int OK = 0;
        static final int FAILED = 1;
        static final int BAD_INPUT = 2;
        static final int DIVERGED = 3;
        static final int CANNOT_WRITE = 4;

        private ExitCode() {}
    }

    /** Looks at where a result will go before hours of work, not after. */
    static final class OutputFile {
        private OutputFile() {}

        /** Refuses a folder in place of a file; does nothing for null. */
        static void refuseFolder(@Nullable Path file) {
            if (file != null && Files.isDirectory(file)) {
                throw CommandFailure.badInput(file + " is a folder; name a file in it");
            }
        }

        /** Refuses a folder in place of a file, and a file in a folder that is not there; does nothing for null. */
        static void requireFolder(@Nullable Path file) {
            refuseFolder(file);
            Path parent = file == null ? null : file.toAbsolutePath().getParent();
            if (parent != null && !Files.isDirectory(parent)) {
                throw CommandFailure.badInput("the folder of " + file + " does not exist");
            }
        }
    }
}
