package io.github.maskalign.encoders.published;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.encoders.published.NativeEncoder.EncoderFamily;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Makes of the tensors of a file, once they have DINOv2's names, those that the transformer has: query, key and value become
 * one, and the two layers before SwiGLU; tokens that stand in one table are taken apart; a bias that a file leaves out as it
 * is always 0 is put in. What does not fit stays as it is, and is refused with all else that does not.
 */
final class JoinedTensors {
    /** Class tokens and registers in one table (R, D): the first is the class token. */
    static final String ALL_BEFORE = "tokens_before";

    private static final String CLASS_TOKEN = "cls_token";
    private static final String POSITIONS = "pos_embed";
    private static final String PATCHES = "patch_embed.proj.weight";
    private static final String POOL = "attn_pool.";
    private static final String MASK = ".attn.qkv.bias_mask";

    private JoinedTensors() {}

    static Map<String, TensorSource> of(Map<String, TensorSource> renamed, EncoderFamily family) {
        Map<String, TensorSource> tensors = new LinkedHashMap<>(renamed);
        if (family == EncoderFamily.C_RADIO) {
            takeApart(tensors);
            tensors.computeIfPresent(PATCHES, (key, t) -> squarePatches(t));
        }
        if (family.isDinov3()) {
            withKeyBias(tensors);
        }
        joinGates(tensors);
        if (tensors.containsKey(CLASS_TOKEN)) {
            tensors.keySet().removeIf(name -> name.startsWith(POOL)); // the class token is that of the tokens
        } else {
            for (String kind : List.of("weight", "bias")) {
                join(tensors, POOL + "qkv." + kind, POOL + "q." + kind, POOL + "kv." + kind);
            }
        }
        tensors.computeIfPresent(CLASS_TOKEN, (key, t) -> rank(t) == 1 ? new Rows(List.of(t), row(last(t))) : t);
        tensors.computeIfPresent(
                POSITIONS,
                (key, t) -> rank(t) == 2
                        ? new Rows(List.of(t), new Shape(1, t.shape().get(0), last(t)))
                        : t);
        return withQueryKeyValue(tensors);
    }

    private static void takeApart(Map<String, TensorSource> tensors) {
        TensorSource all = tensors.get(ALL_BEFORE);
        if (all == null
                || rank(all) != 2
                || all.shape().get(0) < 1
                || !all.type().isFloat()) {
            return;
        }
        tensors.remove(ALL_BEFORE);
        long count = all.shape().get(0);
        tensors.put(CLASS_TOKEN, new Rows(List.of(RowRange.of(all, 0, 1)), row(last(all))));
        if (count > 1) {
            TensorSource rest = RowRange.of(all, 1, count);
            tensors.put("register_tokens", new Rows(List.of(rest), new Shape(1, count - 1, last(all))));
        }
    }

    /** From (D, 3 p p) to (D, 3, p, p), which have the same order. */
    private static TensorSource squarePatches(TensorSource flat) {
        long side = Math.round(Math.sqrt(last(flat) / 3.0));
        return rank(flat) == 2 && 3 * side * side == last(flat)
                ? new Rows(List.of(flat), new Shape(flat.shape().get(0), 3, side, side))
                : flat;
    }

    /** Keys of DINOv3 have no bias: the authors' files mask it, the others leave it out, with or without the two others. */
    private static void withKeyBias(Map<String, TensorSource> tensors) {
        new LinkedHashMap<>(tensors).forEach((name, tensor) -> {
            if (name.endsWith(MASK)) {
                tensors.remove(name);
                tensors.computeIfPresent(name.replace("bias_mask", "bias"), (key, bias) -> masked(bias));
            } else if (name.endsWith(".attn.q.bias")) {
                tensors.putIfAbsent(name.replace(".attn.q.", ".attn.k."), new Blank(tensor.type(), tensor.shape()));
            } else if (name.endsWith(".attn.qkv.weight") || name.endsWith(".attn.q.weight")) {
                String bias = name.replace("weight", "bias");
                if (!tensors.containsKey(bias)
                        && !tensors.containsKey(bias.replace(".qkv.", ".q."))
                        && tensor.type().isFloat()
                        && rank(tensor) == 2) {
                    tensors.put(
                            bias,
                            new Blank(tensor.type(), new Shape(tensor.shape().get(0))));
                }
            }
        });
    }

    private static TensorSource masked(TensorSource bias) {
        long width = last(bias) / 3;
        if (rank(bias) != 1
                || width < 1
                || 3 * width != last(bias)
                || !bias.type().isFloat()) {
            return bias;
        }
        return new Rows(List.of(
                RowRange.of(bias, 0, width),
                new Blank(bias.type(), new Shape(width)),
                RowRange.of(bias, 2 * width, 3 * width)));
    }

    /** W1 and W2 of W3 (SiLU(W1 h) W2 h) below each other; without W1, W2 and W3 are the layers of a plain MLP. */
    private static void joinGates(Map<String, TensorSource> tensors) {
        for (String name : List.copyOf(tensors.keySet())) {
            if (!name.contains(".mlp.w2.") || !tensors.containsKey(name)) {
                continue;
            }
            String first = name.replace(".w2.", ".w1.");
            String last = name.replace(".w2.", ".w3.");
            if (tensors.containsKey(first)) {
                join(tensors, name.replace(".w2.", ".w12."), first, name);
                rename(tensors, name.replace(".w2.", ".fc2."), last);
            } else {
                rename(tensors, name, name.replace(".w2.", ".fc1."));
                rename(tensors, last, name.replace(".w2.", ".fc2."));
            }
        }
    }

    private static void rename(Map<String, TensorSource> tensors, String from, String to) {
        TensorSource tensor = tensors.get(from);
        if (tensor != null && !tensors.containsKey(to)) {
            tensors.remove(from);
            tensors.put(to, tensor);
        }
    }

    private static void join(Map<String, TensorSource> tensors, String to, String first, String second) {
        TensorSource above = tensors.get(first);
        TensorSource below = tensors.get(second);
        if (above != null && below != null && !tensors.containsKey(to) && Rows.fit(above, below)) {
            tensors.remove(first);
            tensors.remove(second);
            tensors.put(to, new Rows(List.of(above, below)));
        }
    }

    private static Map<String, TensorSource> withQueryKeyValue(Map<String, TensorSource> tensors) {
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

    private static Shape row(long width) {
        return new Shape(1, 1, width);
    }

    private static int rank(TensorSource tensor) {
        return tensor.shape().dimension();
    }

    private static long last(TensorSource tensor) {
        Shape shape = tensor.shape();
        return shape.dimension() == 0 ? 1 : shape.get(shape.dimension() - 1);
    }
}
