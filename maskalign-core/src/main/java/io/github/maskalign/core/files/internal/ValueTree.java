package io.github.maskalign.core.files.internal;

import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/** Makes sure that no container stands inside itself, and that none is nested deeper than anybody needs. */
final class ValueTree {
    static final int MAX_DEPTH = 200;

    /** For each container that is done: how deep it is. Those that are being visited have -1. */
    private final Map<TorchValue, Integer> depths = new IdentityHashMap<>();

    private ValueTree() {}

    /** @throws IllegalStateException with the rule that is broken */
    static void check(TorchValue root) {
        new ValueTree().depth(root, 0);
    }

    private int depth(TorchValue value, int above) {
        Collection<TorchValue> items = items(value);
        if (items.isEmpty()) {
            return 0;
        }
        Integer known = depths.put(value, -1);
        if (known != null && known < 0) {
            throw new IllegalStateException("a container must not stand inside itself");
        }
        int depth = known == null ? 0 : known;
        if (above + depth >= MAX_DEPTH) {
            throw new IllegalStateException("containers must be nested at most " + MAX_DEPTH + " deep");
        }
        if (known == null) {
            for (TorchValue item : items) {
                depth = Math.max(depth, 1 + depth(item, above + 1));
            }
        }
        depths.put(value, depth);
        return depth;
    }

    private static Collection<TorchValue> items(TorchValue value) {
        if (value instanceof TorchValue.Dict dict) {
            return dict.entries().values();
        }
        if (value instanceof TorchValue.Sequence list) {
            return list.items();
        }
        return value instanceof TorchValue.Tuple tuple ? tuple.items() : List.of();
    }
}
