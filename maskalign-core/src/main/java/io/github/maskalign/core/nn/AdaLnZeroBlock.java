package io.github.maskalign.core.nn;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Transformer block with adaLN-Zero conditioning: the block of DiT and SiT, and of the token mixer.
 *
 * <pre>
 * shift_msa, scale_msa, gate_msa, shift_mlp, scale_mlp, gate_mlp = chunks(Linear(SiLU(c)))
 * x ← x + gate_msa · Attention(LN(x)·(1 + scale_msa) + shift_msa)
 * x ← x + gate_mlp · MLP(LN(x)·(1 + scale_mlp) + shift_mlp)
 * </pre>
 *
 * <p>Inputs: {@code x} (N, T, D) and condition {@code c} (N, D), float32. Output: (N, T, D), float32. LN has
 * eps 1e-6 and no affine parameters; the MLP uses the tanh form of GELU. The modulation starts at zero, so a
 * fresh block is the identity. Source: DiT section 3.2 (arXiv 2212.09748), SiT (arXiv 2401.08740).
 */
public final class AdaLnZeroBlock extends ScriptedBlock {
    private final Size size;
    private final Precision precision;
    private @Nullable ScriptFunction logits; // few blocks are ever asked

    /**
     * The sizes of a block.
     *
     * @param width token width D
     * @param conditionWidth width of the condition c
     * @param heads attention heads; must divide D
     * @param mlpRatio width of the MLP's hidden layer over D
     * @param qkNorm whether q and k are normalised over the head width
     */
    public record Size(int width, int conditionWidth, int heads, double mlpRatio, boolean qkNorm) {
        /** @throws IllegalArgumentException if heads does not divide width */
        public Size {
            if (heads < 1 || width % heads != 0) {
                throw new IllegalArgumentException("numHeads must divide hiddenSize " + width + " but was " + heads);
            }
        }
    }

    /** Creates a block whose condition is as wide as its tokens and that starts as the identity. */
    public AdaLnZeroBlock(int width, int heads, double mlpRatio, boolean qkNorm, Precision precision) {
        this(new Size(width, width, heads, mlpRatio, qkNorm), Initializer.ZEROS, precision);
    }

    /**
     * Creates a block.
     *
     * @param modulation initial weights of the modulation; zeros make the block start as the identity
     * @param precision arithmetic of the matrix products
     */
    public AdaLnZeroBlock(Size size, Initializer modulation, Precision precision) {
        super(ScriptFunction.of(AdaLnZeroBlock.class, "block.py", "ada_ln_zero_block")
                .bind("heads", size.heads())
                .bind("bf16", precision == Precision.BFLOAT16));
        this.size = size;
        this.precision = precision;
        int width = size.width();
        long hidden = (long) (width * size.mlpRatio());
        linear("attn.qkv", width, 3L * width);
        if (size.qkNorm()) {
            int d = width / size.heads();
            norm("attn.q_norm", d);
            norm("attn.k_norm", d);
        }
        linear("attn.proj", width, width);
        linear("mlp.fc1", width, hidden);
        linear("mlp.fc2", hidden, width);
        parameter("adaLN_modulation.1.weight", new Shape(6L * width, size.conditionWidth()), modulation);
        parameter("adaLN_modulation.1.bias", new Shape(6L * width), Initializer.ZEROS);
    }

    private ScriptFunction logits() {
        ScriptFunction made = logits;
        if (made == null) {
            made = ScriptFunction.of(AdaLnZeroBlock.class, "block.py", "ada_ln_zero_logits")
                    .bind("heads", size.heads())
                    .bind("bf16", precision == Precision.BFLOAT16);
            if (!size.qkNorm()) {
                for (String norm : List.of("q_norm_weight", "q_norm_bias", "k_norm_weight", "k_norm_bias")) {
                    made = made.without("attn_" + norm);
                }
            }
            logits = made;
        }
        return made;
    }

    /**
     * Returns what the softmax of the block's attention sees, q kᵀ / √d: (N, h, T, T), float32. It is computed anew.
     *
     * @param store where the parameters' arrays come from
     * @param training passed on to the store
     * @param x the block's input (N, T, D)
     * @param c its condition (N, C)
     */
    public NDArray attentionLogits(ParameterStore store, boolean training, NDArray x, NDArray c) {
        List<Object> arguments = new ArrayList<>(List.of(x, c));
        getParameters().forEach(entry -> {
            String name = entry.getValue().getName();
            if (name.startsWith("attn.") && !name.startsWith("attn.proj") || name.startsWith("adaLN")) {
                arguments.add(store.getValue(entry.getValue(), x.getDevice(), training));
            }
        });
        return logits().callForOne(arguments.toArray());
    }
}
