/** Training runs as one HTML file that needs nothing else: what was read of them, charts, and the page. */
@NullMarked
package io.github.maskalign.examples.report.html;

import org.jspecify.annotations.NullMarked;
