/** Re-computes reference cases made with the official projects' mathematics and measures the differences. */
@NullMarked
package io.github.maskalign.sit.parity;

import org.jspecify.annotations.NullMarked;
