package io.github.maskalign.examples.emoji;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** The labels, in order of their numbers. The order is part of what a trained model means. */
enum EmojiCategory {
    SMILEYS("Smileys Emotion"),
    PEOPLE("People Body", "People", "Modifiers"),
    ANIMALS("Animals Nature", "Nature"),
    FOOD("Food Drink", "Food"),
    TRAVEL("Travel Places", "Travel", "Places"),
    ACTIVITIES("Activities"),
    OBJECTS("Objects"),
    SYMBOLS("Symbols", "Extras Unicode", "Extras Openmoji"),
    FLAGS("Flags");

    private final List<String> titles;

    EmojiCategory(String... titles) {
        this.titles = List.of(titles);
    }

    String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    static List<String> ids() {
        return Arrays.stream(values()).map(EmojiCategory::id).toList();
    }

    /** Returns the category a set calls by this title; some sets write an ampersand between its words. */
    static EmojiCategory ofTitle(String title) {
        String words = title.replace(" & ", " ");
        for (EmojiCategory category : values()) {
            if (category.titles.contains(words)) {
                return category;
            }
        }
        throw new IllegalArgumentException("category title must be one the emoji sets use but was \"" + title + "\"");
    }
}
