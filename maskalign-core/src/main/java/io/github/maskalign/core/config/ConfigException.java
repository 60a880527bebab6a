package io.github.maskalign.core.config;

import io.github.maskalign.core.config.YamlNode.Place;
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

    /**
     * One mistake in a config.
     *
     * @param source the file, or {@code --set key=value} for a mistake in an override
     * @param line line in the file, from 1; 0 if the source has no lines
     * @param column column in the line, from 1; 0 if the source has no lines
     * @param path full path of the key, such as {@code data.sets[0].name}; empty for the config as a whole
     * @param message what is allowed and what was found, in one sentence that names the path
     */
    public record ConfigProblem(String source, int line, int column, String path, String message) {
        /** Returns {@code source:line:column: message}, or {@code source: message} where there are no lines. */
        @Override
        public String toString() {
            return new Place(source, line, column) + ": " + message;
        }
    }
}
