/**
 * SiT, the scalable interpolant transformer (arXiv 2401.08740), with the options of REPA, REG and MaskAlign:
 * a projector at the alignment depth, a class token, a token mixer, and token subsets.
 */
@NullMarked
package io.github.maskalign.sit;

import org.jspecify.annotations.NullMarked;
