package io.github.maskalign.core.nn.internal;

import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.util.Pair;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * State-dict keys of a block's parameters, such as {@code blocks.0.attn.qkv.weight}.
 *
 * <p>DJL numbers the children of a block ({@code 01blocks.0}); the key is the path of names without those
 * digits, joined by dots.
 */
public final class ParameterKeys {
    private ParameterKeys() {}

    /** Returns all parameters of a block by key, parents before children, in the order they were added. */
    public static Map<String, Parameter> of(Block block) {
        Map<String, Parameter> out = new LinkedHashMap<>();
        collect(block, "", out);
        return out;
    }

    private static void collect(Block block, String prefix, Map<String, Parameter> out) {
        for (Pair<String, Parameter> p : block.getDirectParameters()) {
            if (out.put(prefix + p.getKey(), p.getValue()) != null) {
                throw new IllegalStateException("two parameters have the key " + prefix + p.getKey());
            }
        }
        int number = 1;
        for (Pair<String, Block> child : block.getChildren()) {
            String name = child.getKey()
                    .substring(String.format(Locale.ROOT, "%02d", number++).length());
            // a child without a name has its parameters at the level of its parent
            collect(child.getValue(), name.isEmpty() ? prefix : prefix + name + ".", out);
        }
    }
}
