package io.github.maskalign.examples.teacher;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;
import org.jspecify.annotations.Nullable;

/**
 * Two projection heads and the loss over them; thrown away after training.
 *
 * <pre>
 * L = InfoNCE(head_c(class tokens)) + w · InfoNCE(head_p(mean of patch tokens)),  cosine / temperature
 * </pre>
 *
 * <p>Inputs: class tokens (2n, Z) and patch tokens (2n, T, Z); rows i and n + i show the same emoji. Outputs: L
 * and its two parts, 0-d. Source: SimCLR (arXiv 2002.05709), with the other views as negatives as in CLIP.
 */
final class ContrastiveHead extends ScriptedBlock {
    private static final Shape SCALAR = new Shape();

    private final ScriptFunction function;

    ContrastiveHead(int width, TeacherConfig config) {
        for (String head : new String[] {"class", "patch"}) {
            linear(head + ".fc1", width, 2L * width);
            linear(head + ".fc2", 2L * width, width);
        }
        function = ScriptFunction.of(ContrastiveHead.class, "contrastive_loss.py", "contrastive_loss")
                .bind("temperature", config.temperature())
                .bind("patch_weight", config.patchWeight());
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        return function.call(arguments(store, training, inputs.get(0), inputs.get(1)));
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {SCALAR, SCALAR, SCALAR};
    }
}
