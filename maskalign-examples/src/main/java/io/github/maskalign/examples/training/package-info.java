/** What the runs of the small models that ship with the library have in common: folder, state, records, provenance. */
@NullMarked
package io.github.maskalign.examples.training;

import org.jspecify.annotations.NullMarked;
