package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import io.github.maskalign.core.align.AuxiliaryLoss;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.sit.SiTLoss.SiTLossInput.Context;

/** HASTE's term: the mean over pairs of blocks of the cross-entropy of their attention with the encoder's. */
final class AttentionTerm {
    private final AuxiliaryLoss ofPair = AuxiliaryLoss.attentionDistillation();
    private final boolean classToken;

    /** @param classToken whether the model has a class token, whose row and column stay out, as the encoder's */
    AttentionTerm(boolean classToken) {
        this.classToken = classToken;
    }

    /**
     * Returns the value without its weight.
     *
     * @throws IllegalArgumentException if the attention of a block is missing
     */
    NDArray of(LossTerms.Attention term, SiTOutput out, Context context) {
        NDArray sum = pair(term, 0, out, context);
        for (int i = 1; i < term.blocks().size(); i++) {
            sum = sum.add(pair(term, i, out, context));
        }
        return Autograd.divide(sum, term.blocks().size());
    }

    private NDArray pair(LossTerms.Attention term, int pair, SiTOutput out, Context context) {
        NDArray teacher = context.encoderAttention().get(term.encoderBlocks().get(pair));
        if (teacher == null) {
            throw new IllegalArgumentException("terms.attention needs the attention of the encoder's block "
                    + term.encoderBlocks().get(pair) + " but was given that of "
                    + context.encoderAttention().keySet());
        }
        NDArray student = out.taps().attention(term.blocks().get(pair));
        return ofPair.of(classToken ? student.get(":, :, 1:, 1:") : student, teacher);
    }
}
