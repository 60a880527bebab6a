package io.github.maskalign.sit.checkpoint;

/** Keys of the official state dicts that say something about the model. */
final class Keys {
    static final String POSITIONS = "pos_embed";
    static final String PATCH_WEIGHT = "x_embedder.proj.weight";
    static final String TIME_WEIGHT = "t_embedder.mlp.0.weight";
    static final String LABELS = "y_embedder.embedding_table.weight";
    static final String BLOCKS = "blocks.";
    static final String LEGACY_BLOCKS = "decoder_blocks.";
    static final String PROJECTORS = "projectors.";
    static final String MIXER = "mixer.";
    static final String MASK_TOKEN = "mask_token";
    static final String CLASS_WEIGHT = "cls_projectors2.weight";
    static final String CLASS_HEAD_WEIGHT = "final_layer.linear_cls.weight";
    static final String HEAD_WEIGHT = "final_layer.linear.weight";
    static final String HEAD_BIAS = "final_layer.linear.bias";
    static final String NORM = "bn.";
    static final String NORM_MEAN = "bn.running_mean";
    static final String NORM_VARIANCE = "bn.running_var";

    private Keys() {}

    /** Whether a key belongs to what only training uses. */
    static boolean isProjector(String key) {
        return key.startsWith(PROJECTORS);
    }

    /** Whether a key belongs to what REPA and REG do not have. */
    static boolean isOurs(String key) {
        return key.startsWith(MIXER) || key.equals(MASK_TOKEN);
    }
}
