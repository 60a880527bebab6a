package io.github.maskalign.examples.natives;

import java.io.IOException;

/** The engine's native libraries cannot be used; the message says why and what to do. */
public final class NativesException extends IOException {
    private final String problem;
    private final String remedy;

    NativesException(String problem, String remedy) {
        super(problem + "; " + remedy);
        this.problem = problem;
        this.remedy = remedy;
    }

    /** Returns what is wrong, without what to do about it. */
    public String problem() {
        return problem;
    }

    /** Returns what to do. */
    public String remedy() {
        return remedy;
    }
}
