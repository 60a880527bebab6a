package io.github.maskalign.core.config;

import java.util.List;

/** A config breaks a rule. The message lists every mistake with its position, the value found and what is allowed. */
public final class ConfigException extends RuntimeException {
    private static final int PROBLEMS_IN_MESSAGE = 50;

    /** All mistakes, in the order of the file, those of overrides last. */
    @SuppressWarnings("serial") // a list made by List.copyOf is serializable
    private final List<ConfigProblem> problems;

    /**
     * All mistakes of one config.
     *
     * @param source the file
     * @param problems at least one
     */
    public ConfigException(String source, List<ConfigProblem> problems) {
        this(source, problems, problems.size());
    }

    ConfigException(String source, List<ConfigProblem> problems, int total) {
        super(message(source, problems, total));
        this.problems = List.copyOf(problems);
    }

    /** Returns the mistakes in the order of the file, those of overrides last; at most the first thousand. */
    public List<ConfigProblem> problems() {
        return problems;
    }

    private static String message(String source, List<ConfigProblem> problems, int total) {
        if (total == 1) {
            return problems.get(0).toString();
        }
        StringBuilder text = new StringBuilder(source + ": " + total + " problems");
        problems.stream()
                .limit(PROBLEMS_IN_MESSAGE)
                .forEach(problem -> text.append("\n  - ").append(problem));
        if (total > PROBLEMS_IN_MESSAGE) {
            text.append("\n  - and ").append(total - PROBLEMS_IN_MESSAGE).append(" more");
        }
        return text.toString();
    }
}
