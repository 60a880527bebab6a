package io.github.maskalign.examples.emoji;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The drawings a config asks for, before they are drawn: at most one per set and concept, in the order of sets, then
 * names.
 *
 * @param entries what each drawing is
 * @param icons the drawings, in the same order
 * @param credits one per set of the config
 */
record EmojiSelection(List<EmojiEntry> entries, List<Icon> icons, List<SetInfo> credits) {

    /** Reads the sets that take part: those asked for, and those that give the concepts their names. */
    static Map<String, IconCollection> read(EmojiConfig config) {
        Set<String> needed = new LinkedHashSet<>(EmojiConfig.DEFAULT_SETS);
        needed.addAll(config.sets());
        return needed.parallelStream()
                .map(IconCollection::read)
                .collect(Collectors.toMap(c -> c.info().set(), Function.identity()));
    }

    /**
     * Selects from sets that were read.
     *
     * @param limitPerSet at most so many drawings of each set, evenly spread over its names
     */
    static EmojiSelection of(EmojiConfig config, int limitPerSet, Map<String, IconCollection> collections) {
        ConceptTable table = new ConceptTable(collections);
        List<EmojiEntry> entries = new ArrayList<>();
        List<Icon> icons = new ArrayList<>();
        List<SetInfo> credits = new ArrayList<>();
        for (String set : config.sets()) {
            IconCollection collection = collections.get(set);
            if (collection == null) {
                throw new IllegalArgumentException("sets must be among " + collections.keySet() + " but held " + set);
            }
            List<EmojiEntry> ofSet = entriesOf(config, collection, table);
            credits.add(collection.info());
            for (int i : spread(ofSet.size(), limitPerSet)) {
                EmojiEntry entry = ofSet.get(i);
                Icon icon = collection.icons().get(entry.name());
                if (icon != null) {
                    entries.add(entry);
                    icons.add(icon);
                }
            }
        }
        return new EmojiSelection(List.copyOf(entries), List.copyOf(icons), List.copyOf(credits));
    }

    private static List<EmojiEntry> entriesOf(EmojiConfig config, IconCollection collection, ConceptTable table) {
        List<EmojiEntry> entries = new ArrayList<>();
        Set<String> taken = new HashSet<>();
        for (String name : collection.icons().keySet()) {
            String concept = table.concept(collection, name);
            EmojiCategory category = table.category(concept);
            int label = category == null ? -1 : label(config, category, concept);
            boolean wanted = label >= 0 && (config.skinTones() || !table.hasSkinTone(collection, name));
            if (wanted && taken.add(concept)) {
                SetInfo info = collection.info();
                entries.add(new EmojiEntry(info.set(), name, concept, label, info.spdx()));
            }
        }
        return entries;
    }

    /** Returns the label of a concept; negative if the config leaves it out. */
    private static int label(EmojiConfig config, EmojiCategory category, String concept) {
        if (config.groups().isEmpty()) {
            return config.flags() || category != EmojiCategory.FLAGS ? category.ordinal() : -1;
        }
        for (int i = 0; i < config.groups().size(); i++) {
            if (config.groups().get(i).has(category, concept)) {
                return i;
            }
        }
        return -1;
    }

    private static int[] spread(int size, int limit) {
        int count = Math.min(size, limit);
        int[] indices = new int[count];
        for (int i = 0; i < count; i++) {
            indices[i] = (int) ((long) i * size / count);
        }
        return indices;
    }
}
