/**
 * Runs as objects: config, training, sampling, evaluation, report, for a program or a command. No command line, no logging
 * back end, no natives.
 */
@NullMarked
package io.github.maskalign.sit.run;

import org.jspecify.annotations.NullMarked;
