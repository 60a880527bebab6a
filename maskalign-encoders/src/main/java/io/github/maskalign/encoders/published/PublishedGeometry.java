package io.github.maskalign.encoders.published;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.encoders.published.NativeEncoder.EncoderFamily;
import io.github.maskalign.encoders.vit.Vit.VitParts;
import io.github.maskalign.encoders.vit.Vit.VitParts.Activation;
import io.github.maskalign.encoders.vit.Vit.VitParts.Pooling;
import io.github.maskalign.encoders.vit.Vit.VitParts.Rotary;
import io.github.maskalign.encoders.vit.Vit.VitParts.Table;
import io.github.maskalign.encoders.vit.VitConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Reads the shape of a transformer off its tensors, which have DINOv2's names. */
final class PublishedGeometry {
    private static final int MOST = 1 << 20;

    /** In place of the table of a family that has none: the grid of 256 pixels and patch 16. */
    private static final Shape NO_TABLE = new Shape(1, 256, 1);

    private PublishedGeometry() {}

    /**
     * Returns the shape.
     *
     * @param heads attention heads; 0 for those of the published models of this width
     */
    static VitConfig of(
            Map<String, TensorSource> tensors, EncoderFamily family, int heads, VitParts.Positions rule, String origin)
            throws CheckpointFormatException {
        List<String> problems = new ArrayList<>();
        Shape table = table(family) == Table.NONE ? NO_TABLE : require(tensors, "pos_embed", 3, problems);
        Shape patches = require(tensors, "patch_embed.proj.weight", 4, problems);
        boolean gated = tensors.containsKey("blocks.0.mlp.w3.weight");
        Shape second = require(tensors, gated ? "blocks.0.mlp.w3.weight" : "blocks.0.mlp.fc2.weight", 2, problems);
        if (!problems.isEmpty()) {
            problems.add("so this is no " + family + " encoder, or under names that are not known");
            throw new CheckpointFormatException(origin, problems);
        }
        for (Shape shape : List.of(table, patches, second)) {
            for (long side : shape.getShape()) {
                if (side < 1 || side > MOST) {
                    throw new CheckpointFormatException(
                            origin, List.of("an encoder has sizes in [1, " + MOST + "] but this one has " + shape));
                }
            }
        }
        int width = (int) (table(family) == Table.NONE ? patches.get(0) : table.get(2));
        long places = table.get(1) - (table(family) == Table.ALL && tensors.containsKey("cls_token") ? 1 : 0);
        long grid = Math.round(Math.sqrt(places));
        if (grid * grid != places) {
            throw new CheckpointFormatException(
                    origin,
                    List.of("its position table must be that of a square grid but has " + table.get(1) + " rows"));
        }
        try {
            return config(tensors, family, heads, rule, new Sizes((int) grid, (int) patches.get(2), width, (int)
                    second.get(1)));
        } catch (IllegalArgumentException e) {
            throw new CheckpointFormatException(origin, List.of("it is no " + family + " encoder: " + e.getMessage()));
        }
    }

    /** What the shapes say: side of the position table's grid, side of a patch, widths. */
    private record Sizes(int grid, int patch, int width, int hidden) {}

    private static VitConfig config(
            Map<String, TensorSource> tensors, EncoderFamily family, int heads, VitParts.Positions rule, Sizes sizes) {
        boolean gated = tensors.containsKey("blocks.0.mlp.w3.weight");
        TensorSource registers = tensors.get("register_tokens");
        if (registers != null
                && (registers.shape().dimension() != 3 || registers.shape().get(1) > MOST)) {
            throw new IllegalArgumentException("register_tokens must be (1, R, D) but has shape " + registers.shape());
        }
        int ofTokens = heads == 0 ? heads(family, sizes.width()) : heads;
        VitParts parts = new VitParts(
                tensors.containsKey("cls_token"),
                registers == null ? 0 : (int) registers.shape().get(1),
                tensors.containsKey("blocks.0.ls1.gamma"),
                gated ? Activation.SWIGLU : family.activation(),
                tensors.containsKey("patch_embed.proj.bias"),
                tensors.containsKey("norm_pre.weight"),
                family.normAfter(),
                tensors.containsKey("mask_token"),
                family.eps(),
                rule,
                table(family),
                rotary(family),
                pooling(tensors, family, ofTokens));
        return new VitConfig(
                sizes.grid() * sizes.patch(),
                sizes.patch(),
                sizes.width(),
                depth(tensors),
                ofTokens,
                sizes.hidden(),
                1,
                parts);
    }

    /**
     * Returns the attention heads of the published models of a width: 64 numbers each, but 32 in MoCo v3's small model, 80 in
     * the H of I-JEPA, C-RADIO, MAE and CLIP, 88 and 104 in OpenCLIP's g and bigG, 72 in models of 400 million weights, 96 in
     * SigLIP 2's and Perception Encoder's G, and 128 in DINOv3's of 7 billion. Sources: facebookresearch/mae, {@code
     * models_vit.py}, {@code vit_huge_patch14}; mlfoundations/open_clip, {@code model_configs/ViT-H-14.json}, {@code
     * ViT-g-14.json} and {@code ViT-bigG-14.json}.
     */
    private static int heads(EncoderFamily family, int width) {
        boolean sixteen = switch (width) {
            case 1152 -> family == EncoderFamily.SIGLIP2 || family == EncoderFamily.C_RADIO;
            case 1280 ->
                family == EncoderFamily.IJEPA
                        || family == EncoderFamily.C_RADIO
                        || family == EncoderFamily.MAE
                        || family == EncoderFamily.CLIP;
            case 1408, 1664 -> family == EncoderFamily.CLIP;
            case 1536 -> family == EncoderFamily.SIGLIP2 || family.isPerceptionEncoder();
            default -> false;
        };
        if (sixteen) {
            return 16;
        }
        if (family == EncoderFamily.MOCOV3 && width == 384) {
            return 12;
        }
        return family.isDinov3() && width == 4096 ? 32 : Math.max(1, width / 64);
    }

    private static Table table(EncoderFamily family) {
        if (family.isDinov3()) {
            return Table.NONE;
        }
        return family == EncoderFamily.C_RADIO ? Table.CROPPED : Table.ALL;
    }

    private static Rotary rotary(EncoderFamily family) {
        if (family.isDinov3()) {
            return Rotary.CENTRES;
        }
        return family.isPerceptionEncoder() ? Rotary.STEPS : Rotary.NONE;
    }

    /** Pooling heads have as many heads as a block in SigLIP 2, and eight in Perception Encoder. */
    private static Pooling pooling(Map<String, TensorSource> tensors, EncoderFamily family, int heads) {
        TensorSource first = tensors.get("attn_pool.mlp.fc1.weight");
        if (first == null || first.shape().dimension() != 2) {
            return Pooling.NONE;
        }
        if (first.shape().get(0) > MOST) {
            throw new IllegalArgumentException("attn_pool.mlp.fc1.weight has shape " + first.shape());
        }
        return new Pooling(
                family == EncoderFamily.SIGLIP2 ? heads : 8, (int) first.shape().get(0));
    }

    private static Shape require(Map<String, TensorSource> tensors, String name, int rank, List<String> problems) {
        TensorSource found = tensors.get(name);
        if (found == null) {
            problems.add("there is no " + name);
            return new Shape();
        }
        if (found.shape().dimension() != rank) {
            problems.add(name + " must have " + rank + " dimensions but has shape " + found.shape());
        }
        return found.shape();
    }

    private static int depth(Map<String, TensorSource> tensors) {
        int depth = 0;
        while (tensors.containsKey("blocks." + depth + ".norm1.weight")) {
            depth++;
        }
        return depth;
    }
}
