package io.github.maskalign.encoders.text;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names under which text towers are published, brought to those of transformers' CLIPTextModelWithProjection.
 *
 * <ul>
 *   <li>transformers before 5 and whole models: {@code text_model.encoder.layers.0…}
 *   <li>transformers 5, text model alone: {@code encoder.layers.0…}
 *   <li>open_clip and OpenAI: {@code transformer.resblocks.0…}, also below {@code text.}
 * </ul>
 */
final class ClipTextKeys {
    static final String PROJECTION = "text_projection.weight";

    private static final String PREFIX = "text_model.";

    /** The image tower and what belongs to both, and a table of positions that is no weight. */
    private static final Pattern UNUSED =
            Pattern.compile("(vision_model|visual|visual_projection)\\..*|logit_(scale|bias)"
                    + "|(text_model\\.)?embeddings\\.position_ids|(text\\.)?attn_mask");

    private static final Pattern BARE = Pattern.compile("(embeddings|encoder|final_layer_norm)\\..*");
    private static final Pattern RESBLOCK = Pattern.compile("transformer\\.resblocks\\.(\\d+)\\.(.+)");
    private static final String FIRST_RESBLOCK = "transformer.resblocks.0.ln_1.weight";
    private static final Map<String, String> OPEN_CLIP = Map.of(
            "token_embedding.weight", "embeddings.token_embedding.weight",
            "positional_embedding", "embeddings.position_embedding.weight",
            "ln_final.weight", "final_layer_norm.weight",
            "ln_final.bias", "final_layer_norm.bias");
    private static final Map<String, String> OPEN_CLIP_BLOCK = Map.of(
            "ln_1.", "layer_norm1.",
            "ln_2.", "layer_norm2.",
            "attn.out_proj.", "self_attn.out_proj.",
            "mlp.c_fc.", "mlp.fc1.",
            "mlp.c_proj.", "mlp.fc2.");

    private ClipTextKeys() {}

    /** Returns the tensors of the text tower; unknown keys stay, so that they are told. */
    static Map<String, TensorSource> official(StateDict published) {
        Map<String, TensorSource> used = new LinkedHashMap<>();
        published.tensors().forEach((key, tensor) -> {
            if (!UNUSED.matcher(key).matches()) {
                used.put(key, tensor);
            }
        });
        for (String prefix : new String[] {"", "text."}) {
            if (used.containsKey(prefix + FIRST_RESBLOCK)) {
                return openClip(used, prefix);
            }
        }
        Map<String, TensorSource> out = new LinkedHashMap<>();
        used.forEach((key, tensor) -> out.put(BARE.matcher(key).matches() ? PREFIX + key : key, tensor));
        return out;
    }

    private static Map<String, TensorSource> openClip(Map<String, TensorSource> published, String prefix) {
        Map<String, TensorSource> out = new LinkedHashMap<>();
        published.forEach((full, tensor) -> {
            String key = full.startsWith(prefix) ? full.substring(prefix.length()) : full;
            String direct = OPEN_CLIP.get(key);
            Matcher block = RESBLOCK.matcher(key);
            if (direct != null) {
                out.put(PREFIX + direct, tensor);
            } else if (key.equals("text_projection") && tensor.shape().dimension() == 2) {
                out.put(PROJECTION, TensorPart.transposed(tensor));
            } else if (block.matches()) {
                block(PREFIX + "encoder.layers." + block.group(1) + ".", block.group(2), tensor, out);
            } else {
                out.put(full, tensor);
            }
        });
        return out;
    }

    private static void block(String prefix, String key, TensorSource tensor, Map<String, TensorSource> out) {
        if (key.startsWith("attn.in_proj_") && tensor.shape().get(0) % 3 == 0) {
            String kind = key.substring("attn.in_proj_".length());
            String[] names = {"q_proj", "k_proj", "v_proj"};
            for (int i = 0; i < names.length; i++) {
                out.put(prefix + "self_attn." + names[i] + "." + kind, TensorPart.third(tensor, i));
            }
            return;
        }
        for (Map.Entry<String, String> name : OPEN_CLIP_BLOCK.entrySet()) {
            if (key.startsWith(name.getKey())) {
                out.put(prefix + name.getValue() + key.substring(name.getKey().length()), tensor);
                return;
            }
        }
        out.put(prefix + key, tensor);
    }

    /** Values of another tensor in another arrangement, as float32, computed when they are read. */
    static final class TensorPart implements TensorSource {
        private final TensorSource source;
        private final Shape shape;
        private final Arrangement arrangement;

        private TensorPart(TensorSource source, Shape shape, Arrangement arrangement) {
            this.source = source;
            this.shape = shape;
            this.arrangement = arrangement;
        }

        private interface Arrangement {
            float[] of(float[] values);
        }

        /** The i-th of three equal parts along the first axis. */
        static TensorSource third(TensorSource source, int i) {
            long[] part = source.shape().getShape().clone();
            part[0] /= 3;
            Shape shape = new Shape(part);
            int size = Math.toIntExact(shape.size());
            return new TensorPart(source, shape, values -> Arrays.copyOfRange(values, i * size, (i + 1) * size));
        }

        /** A matrix with rows and columns exchanged. */
        static TensorSource transposed(TensorSource source) {
            int rows = Math.toIntExact(source.shape().get(0));
            int columns = Math.toIntExact(source.shape().get(1));
            return new TensorPart(source, new Shape(columns, rows), values -> {
                float[] out = new float[values.length];
                for (int row = 0; row < rows; row++) {
                    for (int column = 0; column < columns; column++) {
                        out[column * rows + row] = values[row * columns + column];
                    }
                }
                return out;
            });
        }

        @Override
        public TensorType type() {
            return TensorType.F32;
        }

        @Override
        public Shape shape() {
            return shape;
        }

        @Override
        public void sendTo(Sink sink) throws IOException {
            TensorSource.of(shape, arrangement.of(source.floats())).sendTo(sink);
        }

        @Override
        public String origin() {
            return source.origin();
        }
    }
}
