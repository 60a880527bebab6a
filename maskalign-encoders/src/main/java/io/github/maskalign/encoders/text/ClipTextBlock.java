package io.github.maskalign.encoders.text;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;
import org.jspecify.annotations.Nullable;

/** {@code x + CausalAttention(LN(x))}, then {@code x + MLP(LN(x))}, on (N, T, D). */
final class ClipTextBlock extends ScriptedBlock {
    private final ScriptFunction function;

    ClipTextBlock(ClipTextConfig config, Precision precision) {
        int width = config.width();
        norm("layer_norm1", width);
        for (String name : new String[] {"q_proj", "k_proj", "v_proj", "out_proj"}) {
            linear("self_attn." + name, width, width);
        }
        norm("layer_norm2", width);
        linear("mlp.fc1", width, config.hidden());
        linear("mlp.fc2", config.hidden(), width);
        function = ScriptFunction.of(ClipTextBlock.class, "clip_text.py", "clip_text_block")
                .bind("heads", config.heads())
                .bind("eps", config.eps())
                .bind("quick", config.quickGelu())
                .bind("bf16", precision == Precision.BFLOAT16);
    }

    private void norm(String name, int width) {
        parameter(name + ".weight", new Shape(width), Initializer.ONES);
        parameter(name + ".bias", new Shape(width), Initializer.ZEROS);
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
        return function.call(arguments(store, training, inputs.get(0)));
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {inputShapes[0]};
    }
}
