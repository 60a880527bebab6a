package io.github.maskalign.encoders.published;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.encoders.published.NativeEncoder.EncoderFamily;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Brings the tensors of a published file under DINOv2's names: prefixes are taken off, names replaced, query, key and
 * value joined, other parts of the file left out.
 */
final class PublishedNames {
    /** Where the encoder stands in a file that holds more, by a tensor that shows it. */
    private static final Map<EncoderFamily, List<String>> PREFIXES = Map.of(
            EncoderFamily.DINOV2, List.of("dinov2.", "backbone.", "module."),
            EncoderFamily.DINO, List.of("module.backbone.", "backbone.", "vit.", "module."),
            EncoderFamily.MOCOV3, List.of("module.base_encoder.", "base_encoder."),
            EncoderFamily.MAE, List.of("vit.", "module."),
            EncoderFamily.CLIP, List.of("vision_model.", "visual.", "module.visual."),
            EncoderFamily.IJEPA, List.of("module."));

    /** What belongs to the transformer no more, after prefixes are off: heads, decoders, projections, buffers. */
    private static final List<String> OTHERS =
            List.of("head.", "decoder", "pooler.", "classifier.", "embeddings.position_ids", "proj", "fc_norm.");

    /** In order: what is replaced by what; {@code ^} stands for the beginning of the name. */
    private static final List<String[]> REPLACEMENTS = List.of(
            // MoCo v3's long checkpoints
            new String[] {"blocks.13.norm13.", "blocks.13.norm1."},
            new String[] {"blocks.13.mlp.fc13.", "blocks.13.mlp.fc1."},
            new String[] {"blocks.14.norm14.", "blocks.14.norm2."},
            new String[] {"blocks.14.mlp.fc14.", "blocks.14.mlp.fc2."},
            // Hugging Face
            new String[] {"^embeddings.cls_token", "cls_token"},
            new String[] {"^embeddings.mask_token", "mask_token"},
            new String[] {"^embeddings.register_tokens", "register_tokens"},
            new String[] {"^embeddings.position_embeddings", "pos_embed"},
            new String[] {"^embeddings.patch_embeddings.projection.", "patch_embed.proj."},
            new String[] {"^encoder.layer.", "blocks."},
            new String[] {"attention.attention.query.", "attn.q."},
            new String[] {"attention.attention.key.", "attn.k."},
            new String[] {"attention.attention.value.", "attn.v."},
            new String[] {"attention.output.dense.", "attn.proj."},
            new String[] {"layernorm_before.", "norm1."},
            new String[] {"layernorm_after.", "norm2."},
            new String[] {"intermediate.dense.", "mlp.fc1."},
            new String[] {".output.dense.", ".mlp.fc2."},
            new String[] {"layer_scale1.lambda1", "ls1.gamma"},
            new String[] {"layer_scale2.lambda1", "ls2.gamma"},
            new String[] {"mlp.weights_in.", "mlp.w12."},
            new String[] {"mlp.weights_out.", "mlp.w3."},
            new String[] {"^layernorm.", "norm."},
            // Hugging Face's CLIP
            new String[] {"^embeddings.class_embedding", "cls_token"},
            new String[] {"^embeddings.patch_embedding.weight", "patch_embed.proj.weight"},
            new String[] {"^embeddings.position_embedding.weight", "pos_embed"},
            new String[] {"^pre_layrnorm.", "norm_pre."},
            new String[] {"^post_layernorm.", "norm."},
            new String[] {"^encoder.layers.", "blocks."},
            new String[] {".layer_norm1.", ".norm1."},
            new String[] {".layer_norm2.", ".norm2."},
            new String[] {"self_attn.q_proj.", "attn.q."},
            new String[] {"self_attn.k_proj.", "attn.k."},
            new String[] {"self_attn.v_proj.", "attn.v."},
            new String[] {"self_attn.out_proj.", "attn.proj."},
            // OpenAI's CLIP
            new String[] {"^class_embedding", "cls_token"},
            new String[] {"^positional_embedding", "pos_embed"},
            new String[] {"^conv1.weight", "patch_embed.proj.weight"},
            new String[] {"^ln_pre.", "norm_pre."},
            new String[] {"^ln_post.", "norm."},
            new String[] {"^transformer.resblocks.", "blocks."},
            new String[] {".ln_1.", ".norm1."},
            new String[] {".ln_2.", ".norm2."},
            new String[] {"attn.in_proj_weight", "attn.qkv.weight"},
            new String[] {"attn.in_proj_bias", "attn.qkv.bias"},
            new String[] {"attn.out_proj.", "attn.proj."},
            new String[] {"mlp.c_fc.", "mlp.fc1."},
            new String[] {"mlp.c_proj.", "mlp.fc2."});

    private PublishedNames() {}

    /** Returns the transformer's tensors under DINOv2's names. */
    static Map<String, TensorSource> of(StateDict published, EncoderFamily family, String origin)
            throws CheckpointFormatException {
        StateDict encoder = encoder(published, family);
        Map<String, TensorSource> renamed = new LinkedHashMap<>();
        for (Map.Entry<String, TensorSource> tensor : encoder.tensors().entrySet()) {
            if (OTHERS.stream().anyMatch(tensor.getKey()::startsWith)) {
                continue;
            }
            String name = name(tensor.getKey());
            if (renamed.put(name, tensor.getValue()) != null) {
                throw new CheckpointFormatException(origin, List.of("two of its tensors are " + name));
            }
        }
        if (!family.normAfter()) {
            renamed.remove("norm.weight");
            renamed.remove("norm.bias");
        }
        if (family == EncoderFamily.MAE) {
            renamed.remove("mask_token"); // the decoder's, in files that have both
        }
        renamed.computeIfPresent("cls_token", (key, t) -> t.shape().dimension() == 1 ? reshaped(t, 1, 1, last(t)) : t);
        renamed.computeIfPresent(
                "pos_embed",
                (key, t) ->
                        t.shape().dimension() == 2 ? reshaped(t, 1, t.shape().get(0), last(t)) : t);
        return joined(renamed);
    }

    private static StateDict encoder(StateDict published, EncoderFamily family) {
        for (String prefix : PREFIXES.getOrDefault(family, List.of())) {
            StateDict found = published.under(prefix);
            boolean all = published.keys().stream().allMatch(key -> key.startsWith(prefix));
            boolean shows = found.keys().stream()
                    .anyMatch(key -> name(key).equals("pos_embed") || name(key).equals("patch_embed.proj.weight"));
            if (all || shows) {
                return found;
            }
        }
        return published;
    }

    private static String name(String key) {
        String name = key.replaceFirst("^blocks\\.\\d+\\.(\\d+\\.)", "blocks.$1"); // DINOv2 in chunks for FSDP
        for (String[] replacement : REPLACEMENTS) {
            String from = replacement[0];
            if (from.startsWith("^")) {
                String start = from.substring(1);
                name = name.startsWith(start) ? replacement[1] + name.substring(start.length()) : name;
            } else {
                name = name.replace(from, replacement[1]);
            }
        }
        return name;
    }

    private static Map<String, TensorSource> joined(Map<String, TensorSource> tensors) {
        Map<String, TensorSource> out = new LinkedHashMap<>();
        tensors.forEach((name, query) -> {
            boolean one = name.contains(".attn.q.");
            TensorSource key = one ? tensors.get(name.replace(".attn.q.", ".attn.k.")) : null;
            TensorSource value = one ? tensors.get(name.replace(".attn.q.", ".attn.v.")) : null;
            if (key != null && value != null && Rows.fit(query, key, value)) {
                out.put(name.replace(".attn.q.", ".attn.qkv."), new Rows(List.of(query, key, value)));
            } else {
                out.put(name, query);
            }
        });
        out.keySet()
                .removeIf(name -> (name.contains(".attn.k.") || name.contains(".attn.v."))
                        && out.containsKey(name.replaceFirst("\\.attn\\.[kv]\\.", ".attn.qkv.")));
        return out;
    }

    private static long last(TensorSource tensor) {
        Shape shape = tensor.shape();
        return shape.dimension() == 0 ? 1 : shape.get(shape.dimension() - 1);
    }

    private static TensorSource reshaped(TensorSource tensor, long... shape) {
        return new Rows(List.of(tensor), new Shape(shape));
    }
}
