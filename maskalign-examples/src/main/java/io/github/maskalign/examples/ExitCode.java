package io.github.maskalign.examples;

/**
 * What the process says to the shell. A process that ends by SIGINT or SIGTERM has 130 or 143 from the
 * system.
 */
final class ExitCode {
    static final int OK = 0;
    static final int FAILED = 1;
    static final int BAD_INPUT = 2;
    static final int DIVERGED = 3;
    static final int CANNOT_WRITE = 4;

    private ExitCode() {}
}
