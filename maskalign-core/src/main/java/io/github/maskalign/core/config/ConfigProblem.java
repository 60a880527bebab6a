package io.github.maskalign.core.config;

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
