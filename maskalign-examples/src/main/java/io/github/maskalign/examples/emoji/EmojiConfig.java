package io.github.maskalign.examples.emoji;

import java.util.HashSet;
import java.util.List;
import java.util.Locale;

/**
 * Which drawings make up an {@link EmojiSet}, and how large they are.
 *
 * @param sets the artists' sets in order, each one of {@link #KNOWN_SETS}; the order of entries follows it
 * @param size edge of the square pictures in pixels, in [8, 512]
 * @param skinTones whether variants with a skin tone count as drawings of their own
 * @param flags whether flags are included; few of the sets draw them all
 * @param groups groups of drawings that are the classes, in the order of their labels; empty for all drawings, by
 *     category. Flags are drawn if a group asks for them, whatever {@code flags} says
 * @param background colour behind the drawings, 0xRRGGBB in [0, 0xFFFFFF]
 */
public record EmojiConfig(
        List<String> sets, int size, boolean skinTones, boolean flags, List<EmojiGroup> groups, int background) {
    /** White, as 0xRRGGBB. */
    public static final int WHITE = 0xFFFFFF;

    /** The sets that need no more than attribution, in the default order. */
    public static final List<String> DEFAULT_SETS =
            List.of("noto", "noto-v1", "fluent-emoji-flat", "twemoji", "fxemoji", "emojione");
    /** All sets that can be named; {@code openmoji} is share-alike (CC BY-SA 4.0) and therefore asked for by name. */
    public static final List<String> KNOWN_SETS =
            List.of("noto", "noto-v1", "fluent-emoji-flat", "twemoji", "fxemoji", "emojione", "openmoji");

    private static final int MIN_SIZE = 8;
    private static final int MAX_SIZE = 512;

    /** @throws IllegalArgumentException if a set is unknown or named twice, or size or colour are out of range */
    public EmojiConfig {
        sets = List.copyOf(sets);
        groups = List.copyOf(groups);
        if (new HashSet<>(groups).size() != groups.size()) {
            throw new IllegalArgumentException("classes must name each group once but was "
                    + groups.stream().map(EmojiGroup::id).toList());
        }
        if (sets.isEmpty()) {
            throw new IllegalArgumentException("sets must name at least one of " + KNOWN_SETS + " but was empty");
        }
        for (String set : sets) {
            if (!KNOWN_SETS.contains(set)) {
                throw new IllegalArgumentException("sets must be among " + KNOWN_SETS + " but held \"" + set + "\"");
            }
        }
        if (new HashSet<>(sets).size() != sets.size()) {
            throw new IllegalArgumentException("sets must name each set once but was " + sets);
        }
        if (size < MIN_SIZE || size > MAX_SIZE) {
            throw new IllegalArgumentException("size must be in [" + MIN_SIZE + ", " + MAX_SIZE + "] but was " + size);
        }
        if (background < 0 || background > WHITE) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "background must be in [0, 0xFFFFFF] but was 0x%X", background));
        }
    }

    /** Describes pictures of all drawings. */
    public EmojiConfig(List<String> sets, int size, boolean skinTones, boolean flags, int background) {
        this(sets, size, skinTones, flags, List.of(), background);
    }

    /** Describes pictures of groups of drawings, on white, without variants of skin tone. */
    public static EmojiConfig ofGroups(List<String> sets, int size, List<EmojiGroup> groups) {
        return new EmojiConfig(sets, size, false, false, groups, WHITE);
    }

    /** Describes pictures on white. */
    public EmojiConfig(List<String> sets, int size, boolean skinTones, boolean flags) {
        this(sets, size, skinTones, flags, WHITE);
    }

    /** Returns the default: {@link #DEFAULT_SETS}, no skin-tone variants, no flags. */
    public static EmojiConfig ofSize(int size) {
        return new EmojiConfig(DEFAULT_SETS, size, false, false);
    }
}
