package io.github.maskalign.encoders.vit;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import io.github.maskalign.core.nn.Initializers;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** DINOv2's block: {@code x + γ₁ Attention(LN(x))}, then {@code x + γ₂ MLP(LN(x))}, on (N, 1 + T, D). */
final class LayerScaleBlock extends ScriptedBlock {
    private final ScriptFunction function;

    LayerScaleBlock(VitConfig config, Precision precision) {
        int width = config.width();
        long hidden = (long) (width * config.mlpRatio());
        float[] scale = new float[width];
        Arrays.fill(scale, (float) config.layerScaleInit());
        norm("norm1", width);
        linear("attn.qkv", width, 3L * width);
        linear("attn.proj", width, width);
        parameter("ls1.gamma", new Shape(width), Initializers.constant(scale));
        norm("norm2", width);
        linear("mlp.fc1", width, hidden);
        linear("mlp.fc2", hidden, width);
        parameter("ls2.gamma", new Shape(width), Initializers.constant(scale));
        function = ScriptFunction.of(LayerScaleBlock.class, "layer_scale_block.py", "layer_scale_block")
                .bind("heads", config.heads())
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
