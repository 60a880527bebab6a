package io.github.maskalign.examples.doctor;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Facts that belong together.
 *
 * @param title heading
 * @param facts name and value of each fact, in the order of display
 */
public record Section(String title, Map<String, String> facts) {
    /** Keeps the order. */
    public Section {
        facts = Collections.unmodifiableMap(new LinkedHashMap<>(facts));
    }
}
