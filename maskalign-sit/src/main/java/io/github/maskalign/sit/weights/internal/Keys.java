package io.github.maskalign.sit.weights.internal;

/** Keys of the official state dicts that say something about the model. */
public final class Keys {
    public static final String POSITIONS = "pos_embed";
    static final String PATCH_WEIGHT = "x_embedder.proj.weight";
    public static final String TIME_WEIGHT = "t_embedder.mlp.0.weight";
    static final String LABELS = "y_embedder.embedding_table.weight";
    public static final String BLOCKS = "blocks.";
    public static final String LEGACY_BLOCKS = "decoder_blocks.";
    public static final String PROJECTORS = "projectors.";
    public static final String SELF_HEAD = "ap_head.";
    static final String MIXER = "mixer.";
    public static final String MASK_TOKEN = "mask_token";
    static final String DECODER_WEIGHT = "decoder_layer.linear.weight";
    static final String DECODER_BLOCKS = "decoder_blocks.";
    static final String IN_BLOCKS = "en_inblocks.";
    static final String DE_BLOCKS = "de_blocks.";
    static final String BIASES = "attn.rel_pos_bias.relative_position_bias_table";
    static final String SPARSE_WEIGHT = "renoise_linear.weight";
    public static final String CLASS_WEIGHT = "cls_projectors2.weight";
    public static final String CLASS_HEAD_WEIGHT = "final_layer.linear_cls.weight";
    public static final String HEAD_WEIGHT = "final_layer.linear.weight";
    public static final String HEAD_BIAS = "final_layer.linear.bias";
    public static final String NORM = "bn.";
    public static final String NORM_MEAN = "bn.running_mean";
    public static final String NORM_VARIANCE = "bn.running_var";

    private Keys() {}

    /** Whether a key belongs to what only training uses. */
    public static boolean isProjector(String key) {
        return key.startsWith(PROJECTORS);
    }

    /** Whether a key belongs to what REPA and REG do not have. */
    public static boolean isOurs(String key) {
        return key.startsWith(MIXER)
                || key.equals(MASK_TOKEN)
                || key.startsWith("renoise_linear.")
                || key.startsWith("decoder_");
    }
}
