package io.github.maskalign.encoders.published;

import io.github.maskalign.encoders.Preprocessing;
import io.github.maskalign.encoders.vit.VitParts.Activation;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Encoders that REPA aligns with. Which tokens count and which norms come last is REPA's choice ({@code utils.py},
 * {@code train.py}); the transformers are those of the papers.
 */
public enum EncoderFamily {
    /** DINOv2 (arXiv 2304.07193), with or without registers; tokens after the closing norm. */
    DINOV2(List.of(), Preprocessing.DINOV2, true, Activation.GELU, 1e-6),
    /** DINO (arXiv 2104.14294); tokens after the closing norm. */
    DINO(List.of("teacher"), Preprocessing.IMAGENET, true, Activation.GELU, 1e-6),
    /** MoCo v3 (arXiv 2104.02057); tokens after the closing norm. */
    MOCOV3(List.of("state_dict"), Preprocessing.IMAGENET, true, Activation.GELU, 1e-6),
    /** MAE (arXiv 2111.06377); tokens of the last block, without the closing norm. */
    MAE(List.of("model"), Preprocessing.IMAGENET, false, Activation.GELU, 1e-6),
    /** CLIP's vision tower (arXiv 2103.00020); tokens of the last block, without closing norm and projection. */
    CLIP(List.of(), Preprocessing.CLIP, false, Activation.QUICK_GELU, 1e-5),
    /** I-JEPA (arXiv 2301.08243); no class token; tokens after the closing norm. */
    IJEPA(List.of("encoder"), Preprocessing.DINOV2, true, Activation.GELU, 1e-6);

    private final List<String> sections;
    private final Preprocessing preprocessing;
    private final boolean normAfter;
    private final Activation activation;
    private final double eps;

    EncoderFamily(
            List<String> sections, Preprocessing preprocessing, boolean normAfter, Activation activation, double eps) {
        this.sections = sections;
        this.preprocessing = preprocessing;
        this.normAfter = normAfter;
        this.activation = activation;
        this.eps = eps;
    }

    /** Returns how pictures are standardised and resized. */
    public Preprocessing preprocessing() {
        return preprocessing;
    }

    /** Returns the section of a training checkpoint that holds the encoder; null if it may be the only one. */
    @Nullable
    String section() {
        return sections.isEmpty() ? null : sections.get(0);
    }

    boolean normAfter() {
        return normAfter;
    }

    Activation activation() {
        return activation;
    }

    double eps() {
        return eps;
    }

    /**
     * Returns the attention heads of the published models of a width: 64 numbers each, but 32 in MoCo v3's small model and
     * 80 in I-JEPA's.
     */
    int headsFor(int width) {
        if (this == MOCOV3 && width == 384) {
            return 12;
        }
        return this == IJEPA && width == 1280 ? 16 : Math.max(1, width / 64);
    }
}
