package io.github.maskalign.examples.teacher;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;

/**
 * Two projection heads and the loss over them; thrown away after training.
 *
 * <pre>
 * L = InfoNCE(head_c(class tokens)) + w · InfoNCE(head_p(mean of patch tokens)),  cosine / temperature
 * </pre>
 *
 * <p>Inputs: class tokens (2n, Z) and patch tokens (2n, T, Z); rows i and n + i show the same emoji. Outputs: L,
 * its two parts, and the share of class tokens that find their pair in the batch, 0-d. Source: SimCLR (arXiv 2002.05709), with the other views as negatives as in CLIP.
 */
final class ContrastiveHead extends ScriptedBlock {
    private static final Shape SCALAR = new Shape();

    ContrastiveHead(int width, TeacherConfig config) {
        super(ScriptFunction.of(ContrastiveHead.class, "contrastive_loss.py", "contrastive_loss")
                .bind("temperature", config.temperature())
                .bind("patch_weight", config.patchWeight()));
        for (String head : new String[] {"class", "patch"}) {
            linear(head + ".fc1", width, 2L * width);
            linear(head + ".fc2", 2L * width, width);
        }
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {SCALAR, SCALAR, SCALAR, SCALAR};
    }
}
