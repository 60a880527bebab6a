package io.github.maskalign.examples.emoji;

import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Which drawings of different artists show the same emoji, and in which category it is.
 *
 * <p>Identity is the Unicode sequence where a set states it. Other sets are matched by name, without hyphens, against
 * the names and aliases of those that do; one set with a vocabulary of its own has a list of synonyms beside this
 * class. What matches nothing keeps its own name as concept. A concept's category is that of the first set, in a fixed
 * order, that has one, so it depends neither on the artist nor on the sets in use.
 */
final class ConceptTable {
    /** Sets that state Unicode sequences come first: their names become the concepts. */
    static final List<String> PRECEDENCE =
            List.of("noto", "twemoji", "fluent-emoji-flat", "noto-v1", "emojione", "fxemoji", "openmoji");

    private static final Pattern TONE_NAME = Pattern.compile("(^|.*-)(light|medium|dark)-skin-tone(-.*|$)");
    private static final Pattern TONE_SEQUENCE = Pattern.compile("(^|.*-)1f3f[b-f](-.*|$)");
    /** The set with a vocabulary of its own. */
    private static final String OWN_WORDS = "fxemoji";

    private static final String SYNONYMS = OWN_WORDS + "-concepts.properties";

    private final Map<String, String> sequenceByName = new HashMap<>();
    private final Map<String, String> conceptBySequence = new HashMap<>();
    private final Map<String, EmojiCategory> categories = new HashMap<>();
    private final Map<String, String> synonyms = readSynonyms();

    /** Builds the table from all sets that take part; sets not in use may be given and should be. */
    ConceptTable(Map<String, IconCollection> collections) {
        List<IconCollection> ordered = PRECEDENCE.stream()
                .filter(collections::containsKey)
                .map(collections::get)
                .toList();
        ordered.forEach(this::addNames);
        ordered.forEach(this::addAliases);
        ordered.forEach(this::addCategories);
    }

    /** Returns which emoji a drawing shows. */
    String concept(IconCollection collection, String name) {
        String sequence = sequence(collection, name);
        if (sequence != null) {
            return conceptBySequence.getOrDefault(sequence, name);
        }
        return unifyFlag(sharedName(collection, name));
    }

    /** Returns the category of a concept, or null where no set has one. */
    @Nullable
    EmojiCategory category(String concept) {
        return categories.get(concept);
    }

    /** Returns whether a drawing is a variant in one skin tone, or a skin tone itself. */
    boolean hasSkinTone(IconCollection collection, String name) {
        String sequence = sequence(collection, name);
        return sequence != null
                ? TONE_SEQUENCE.matcher(sequence).matches()
                : TONE_NAME.matcher(name).matches();
    }

    /** Returns the synonyms that lead from no drawing, or to no emoji, and are not said to be apart. */
    Set<String> unknownSynonyms(IconCollection vocabulary) {
        Set<String> unknown = new TreeSet<>();
        synonyms.forEach((name, target) -> {
            boolean found = sequenceByName.containsKey(key(target)) || target.startsWith(OWN_WORDS + "-");
            if (!vocabulary.icons().containsKey(name) || !found) {
                unknown.add(name + " = " + target);
            }
        });
        return unknown;
    }

    private void addNames(IconCollection collection) {
        new TreeMap<>(collection.codePoints()).forEach((name, sequence) -> {
            conceptBySequence.putIfAbsent(sequence, name);
            if (EmojiConfig.DEFAULT_SETS.contains(collection.info().set())) { // others must not change what is shared
                sequenceByName.putIfAbsent(key(name), sequence);
            }
        });
    }

    private void addAliases(IconCollection collection) {
        if (!EmojiConfig.DEFAULT_SETS.contains(collection.info().set())) {
            return;
        }
        collection.aliases().forEach((alias, parent) -> {
            String sequence = collection.codePoints().get(parent);
            if (sequence != null) {
                sequenceByName.putIfAbsent(key(alias), sequence);
            }
        });
    }

    private void addCategories(IconCollection collection) {
        for (String name : collection.icons().keySet()) {
            EmojiCategory category = collection.categories().get(name);
            if (category != null) {
                categories.putIfAbsent(concept(collection, name), category);
            }
        }
    }

    private @Nullable String sequence(IconCollection collection, String name) {
        String stated = collection.codePoints().get(name);
        if (stated != null) {
            return stated;
        }
        return sequenceByName.get(key(sharedName(collection, name)));
    }

    private String sharedName(IconCollection collection, String name) {
        return collection.info().set().equals(OWN_WORDS) ? synonyms.getOrDefault(name, name) : name;
    }

    private static String key(String name) {
        return unifyFlag(name).replace("-", "");
    }

    /** The sets write {@code flag-fiji}, {@code flag-for-fiji} and {@code flag-for-flag-fiji}. */
    private static String unifyFlag(String name) {
        return name.replaceFirst("^flag-for-(flag-)?", "flag-");
    }

    private static Map<String, String> readSynonyms() {
        Properties properties = new Properties();
        try (InputStream in = ConceptTable.class.getResourceAsStream(SYNONYMS)) {
            if (in == null) {
                throw new IllegalStateException("the class path must hold " + SYNONYMS + " but does not");
            }
            properties.load(new InputStreamReader(in, StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + SYNONYMS + " from the class path", e);
        }
        Map<String, String> synonyms = new TreeMap<>();
        properties.forEach((name, target) -> synonyms.put((String) name, (String) target));
        return synonyms;
    }
}
