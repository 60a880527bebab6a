package io.github.maskalign.core.config;

import java.util.List;

/**
 * A config that was read, and where it came from.
 *
 * @param <R> type of the config
 * @param value the config after defaults and overrides
 * @param source the file, as it was given
 * @param overrides the overrides, as they were given
 */
public record Bound<R extends Record>(R value, String source, List<String> overrides) {
    public Bound {
        overrides = List.copyOf(overrides);
    }

    /** Returns the effective config as YAML, see {@link ConfigWriter#yaml}. */
    public String yaml() {
        return ConfigWriter.yaml(value);
    }

    /** Returns the SHA-256 of the effective config, see {@link ConfigWriter#hash}. */
    public String hash() {
        return ConfigWriter.hash(value);
    }
}
