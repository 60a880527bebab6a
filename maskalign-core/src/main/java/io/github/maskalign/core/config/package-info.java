/**
 * Strict YAML configs as Java records: {@link io.github.maskalign.core.config.ConfigBinder} reads a file,
 * applies {@code --set} overrides and reports every mistake at once with its position;
 * {@link io.github.maskalign.core.config.ConfigWriter} writes the effective config back.
 */
@NullMarked
package io.github.maskalign.core.config;

import org.jspecify.annotations.NullMarked;
