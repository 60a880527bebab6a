package io.github.maskalign.encoders.published;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.encoders.published.NativeEncoder.EncoderFamily;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Brings the tensors of a published file under DINOv2's names: prefixes are taken off, names replaced, other parts of the
 * file left out, and what is one tensor here {@linkplain JoinedTensors joined}.
 */
final class PublishedNames {
    /** Where the encoder stands in a file that holds more, by a tensor that shows it. */
    private static final Map<EncoderFamily, List<String>> PREFIXES = Map.ofEntries(
            Map.entry(EncoderFamily.DINOV2, List.of("dinov2.", "backbone.", "module.")),
            Map.entry(EncoderFamily.DINO, List.of("module.backbone.", "backbone.", "vit.", "module.")),
            Map.entry(EncoderFamily.MOCOV3, List.of("module.base_encoder.", "base_encoder.")),
            Map.entry(EncoderFamily.MAE, List.of("vit.", "module.")),
            Map.entry(EncoderFamily.CLIP, List.of("vision_model.", "visual.", "module.visual.")),
            Map.entry(EncoderFamily.IJEPA, List.of("module.")),
            Map.entry(EncoderFamily.DINOV3, List.of("backbone.", "module.")),
            Map.entry(EncoderFamily.DINOV3_SATELLITE, List.of("backbone.", "module.")),
            Map.entry(EncoderFamily.SIGLIP2, List.of("vision_model.", "visual.trunk.")),
            Map.entry(EncoderFamily.PE_CORE, List.of("visual.", "module.visual.")),
            Map.entry(EncoderFamily.PE_SPATIAL, List.of("visual.", "module.visual.")),
            Map.entry(EncoderFamily.C_RADIO, List.of("radio_model.model.")));

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

    /** What comes before these for a family: the names of transformers, of timm and of the authors, in this order. */
    private static final Map<EncoderFamily, List<String[]>> OF_FAMILY = Map.ofEntries(
            Map.entry(EncoderFamily.DINOV3, dinov3()),
            Map.entry(EncoderFamily.DINOV3_SATELLITE, dinov3()),
            Map.entry(
                    EncoderFamily.SIGLIP2,
                    List.of(
                            new String[] {"^embeddings.patch_embedding.bias", "patch_embed.proj.bias"},
                            new String[] {"^head.probe", "attn_pool.latent"},
                            new String[] {"^head.attention.in_proj_", "attn_pool.qkv."},
                            new String[] {"^head.attention.out_proj.", "attn_pool.proj."},
                            new String[] {"^head.layernorm.", "attn_pool.norm."},
                            new String[] {"^head.mlp.", "attn_pool.mlp."})),
            Map.entry(EncoderFamily.PE_CORE, perceptionEncoder()),
            Map.entry(EncoderFamily.PE_SPATIAL, perceptionEncoder()),
            Map.entry(
                    EncoderFamily.C_RADIO,
                    List.of(
                            new String[] {"^reg_token", "register_tokens"},
                            new String[] {"^patch_generator.embedder.", "patch_embed.proj."},
                            new String[] {"^patch_generator.pos_embed", "pos_embed"},
                            new String[] {"^patch_generator.cls_token.token", JoinedTensors.ALL_BEFORE},
                            new String[] {".grandma", ".gamma"})));

    /** What the new families' files hold beside the transformer; of all others such a tensor is unknown. */
    private static final Map<EncoderFamily, List<String>> UNUSED = Map.of(
            EncoderFamily.DINOV3, List.of("mask_token", "local_cls_norm."),
            EncoderFamily.DINOV3_SATELLITE, List.of("mask_token", "local_cls_norm."),
            EncoderFamily.C_RADIO, List.of("patch_generator.video_embedder."));

    private PublishedNames() {}

    private static List<String[]> dinov3() {
        return List.of(
                new String[] {"^embeddings.mask_token", "mask_token"},
                new String[] {"^embeddings.patch_embeddings.", "patch_embed.proj."},
                new String[] {"^model.layer.", "blocks."},
                new String[] {"^layer.", "blocks."},
                new String[] {"attention.q_proj.", "attn.q."},
                new String[] {"attention.k_proj.", "attn.k."},
                new String[] {"attention.v_proj.", "attn.v."},
                new String[] {"attention.o_proj.", "attn.proj."},
                new String[] {"mlp.gate_proj.", "mlp.w1."},
                new String[] {"mlp.up_proj.", "mlp.w2."},
                new String[] {"mlp.down_proj.", "mlp.w3."},
                new String[] {"^reg_token", "register_tokens"},
                new String[] {"attn.q_bias", "attn.q.bias"},
                new String[] {"attn.v_bias", "attn.v.bias"},
                new String[] {".gamma_1", ".ls1.gamma"},
                new String[] {".gamma_2", ".ls2.gamma"},
                new String[] {"mlp.fc1_g.", "mlp.w1."},
                new String[] {"mlp.fc1_x.", "mlp.w2."},
                new String[] {"^storage_tokens", "register_tokens"});
    }

    private static List<String[]> perceptionEncoder() {
        return List.of(
                new String[] {".gamma_1", ".ls1.gamma"},
                new String[] {".gamma_2", ".ls2.gamma"},
                new String[] {".ls_1.", ".ls1."},
                new String[] {".ls_2.", ".ls2."},
                new String[] {"^attn_pool.probe", "attn_pool.latent"},
                new String[] {"^attn_pool.attn.in_proj_", "attn_pool.qkv."},
                new String[] {"^attn_pool.attn.out_proj.", "attn_pool.proj."},
                new String[] {"^attn_pool.layernorm.", "attn_pool.norm."});
    }

    /** Returns the transformer's tensors under DINOv2's names. */
    static Map<String, TensorSource> of(StateDict published, EncoderFamily family, String origin)
            throws CheckpointFormatException {
        StateDict encoder = encoder(published, family);
        Map<String, TensorSource> renamed = new LinkedHashMap<>();
        for (Map.Entry<String, TensorSource> tensor : encoder.tensors().entrySet()) {
            String name = name(tensor.getKey(), family);
            boolean other = OTHERS.stream().anyMatch(tensor.getKey()::startsWith) && !name.startsWith("attn_pool.");
            if (other || UNUSED.getOrDefault(family, List.of()).stream().anyMatch(name::startsWith)) {
                continue;
            }
            if (renamed.put(name, tensor.getValue()) != null) {
                throw new CheckpointFormatException(origin, List.of("two of its tensors are " + name));
            }
        }
        if (family == EncoderFamily.MAE || family == EncoderFamily.CLIP) {
            renamed.remove("norm.weight");
            renamed.remove("norm.bias");
        }
        if (family == EncoderFamily.MAE) {
            renamed.remove("mask_token"); // the decoder's, in files that have both
        }
        return JoinedTensors.of(renamed, family);
    }

    private static StateDict encoder(StateDict published, EncoderFamily family) {
        for (String prefix : PREFIXES.getOrDefault(family, List.of())) {
            StateDict found = published.under(prefix);
            boolean all = published.keys().stream().allMatch(key -> key.startsWith(prefix));
            boolean shows = found.keys().stream()
                    .map(key -> name(key, family))
                    .anyMatch(name -> name.equals("pos_embed") || name.equals("patch_embed.proj.weight"));
            if (all || shows) {
                return found;
            }
        }
        return published;
    }

    private static String name(String key, EncoderFamily family) {
        String name = key.replaceFirst("^blocks\\.\\d+\\.(\\d+\\.)", "blocks.$1"); // DINOv2 in chunks for FSDP
        for (String[] replacement : OF_FAMILY.getOrDefault(family, List.of())) {
            name = replaced(name, replacement);
        }
        for (String[] replacement : REPLACEMENTS) {
            name = replaced(name, replacement);
        }
        return name;
    }

    private static String replaced(String name, String[] replacement) {
        String from = replacement[0];
        if (from.startsWith("^")) {
            String start = from.substring(1);
            return name.startsWith(start) ? replacement[1] + name.substring(start.length()) : name;
        }
        return name.replace(from, replacement[1]);
    }
}
