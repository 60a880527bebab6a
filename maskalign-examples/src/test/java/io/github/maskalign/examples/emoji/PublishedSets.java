package io.github.maskalign.examples.emoji;

import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The published sets, read once for all tests. */
final class PublishedSets {
    static final Map<String, IconCollection> ALL = EmojiConfig.KNOWN_SETS.stream()
            .map(IconCollection::read)
            .collect(Collectors.toUnmodifiableMap(c -> c.info().set(), Function.identity()));

    private PublishedSets() {}

    static IconCollection get(String set) {
        IconCollection collection = ALL.get(set);
        if (collection == null) {
            throw new IllegalArgumentException(set);
        }
        return collection;
    }

    /** The sets that a default selection reads. */
    static Map<String, IconCollection> byDefault() {
        return EmojiConfig.DEFAULT_SETS.stream().collect(Collectors.toMap(Function.identity(), PublishedSets::get));
    }
}
