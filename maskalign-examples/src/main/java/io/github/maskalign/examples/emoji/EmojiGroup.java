package io.github.maskalign.examples.emoji;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * Drawings that look alike, as classes that can be named at a glance. What is in a group is part of what a trained model
 * means.
 */
public enum EmojiGroup {
    /** Round faces. */
    FACES(
            EmojiCategory.SMILEYS,
            "(?!.*(horns|clouds|dotted|robot|cat|monkey)).*(face|star-struck|rolling-on-the-floor).*"),
    /** Hearts of all colours. */
    HEARTS(EmojiCategory.SMILEYS, "(?!.*(face|cat|decoration)).*(hearts?|heart-.*)"),
    /** Heads of animals. */
    ANIMALS(
            EmojiCategory.ANIMALS,
            "(cat|cow|dog|horse|monkey|mouse|pig|rabbit|tiger|dragon)-face|bear|polar-bear|panda|koala|fox|wolf|lion|frog"
                    + "|hamster|raccoon|unicorn|chicken|gorilla"),
    /** Flags of countries and regions. */
    FLAGS(EmojiCategory.FLAGS, "flag-.*"),
    /** Clock faces at each half hour. */
    CLOCKS(EmojiCategory.TRAVEL, ".*-(oclock|thirty)"),
    /** Fruit. */
    FRUIT(
            EmojiCategory.FOOD,
            "(red|green)-apple|avocado|banana|blueberries|cherries|coconut|grapes|kiwi-fruit|lemon|lime|mango|melon|peach"
                    + "|pear|pineapple|strawberry|tangerine|tomato|watermelon"),
    /** Flowers. */
    FLOWERS(
            EmojiCategory.ANIMALS,
            "blossom|bouquet|cherry-blossom|hibiscus|hyacinth|lotus|rose|rosette|sunflower|tulip|white-flower"
                    + "|wilted-flower"),
    /** Cars, buses and lorries. */
    CARS(
            EmojiCategory.TRAVEL,
            "(oncoming-)?(automobile|bus|police-car|taxi)|ambulance|articulated-lorry|delivery-truck|fire-engine|minibus"
                    + "|pickup-truck|racing-car|sport-utility-vehicle|trolleybus"),
    /** Phases of the moon, and moons with faces. */
    MOONS(EmojiCategory.TRAVEL, ".*-moon(-face)?|crescent-moon"),
    /** White arrows on square buttons. */
    ARROWS(EmojiCategory.SYMBOLS, "(?!.*(soon|end|top|back|on-exclamation)).*-arrows?(-.*)?");

    private final EmojiCategory category;
    private final Pattern concepts;

    EmojiGroup(EmojiCategory category, String concepts) {
        this.category = category;
        this.concepts = Pattern.compile(concepts);
    }

    /** Returns the name that configs use. */
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * Returns a group by its name.
     *
     * @throws IllegalArgumentException if there is none; names those there are
     */
    public static EmojiGroup named(String id) {
        for (EmojiGroup group : values()) {
            if (group.id().equals(id)) {
                return group;
            }
        }
        throw new IllegalArgumentException(
                "data.classes must be among " + ids(Arrays.asList(values())) + " but held \"" + id + "\"");
    }

    static List<String> ids(List<EmojiGroup> groups) {
        return groups.stream().map(EmojiGroup::id).toList();
    }

    boolean has(EmojiCategory of, String concept) {
        return of == category && concepts.matcher(concept).matches();
    }
}
