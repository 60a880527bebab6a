/** Cells, tables and pages of comparisons. */
@NullMarked
package io.github.maskalign.sit.lab.internal;

import org.jspecify.annotations.NullMarked;
