package io.github.maskalign.examples;

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
}
