/**
 * Alignment of a transformer's tokens with those of a frozen encoder, on random subsets of the tokens.
 * A subset is drawn by {@link io.github.maskalign.core.align.TokenSubsetSampler}; what it hides, and from
 * whom, is a {@link io.github.maskalign.core.align.SubsetConfig.SubsetPlacement}.
 */
@NullMarked
package io.github.maskalign.core.align;

import org.jspecify.annotations.NullMarked;
