/** What people look at while a run goes on and after it: picture grids, curves and a progress line. */
@NullMarked
package io.github.maskalign.examples.report;

import org.jspecify.annotations.NullMarked;
