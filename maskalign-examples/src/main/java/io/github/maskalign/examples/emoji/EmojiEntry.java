package io.github.maskalign.examples.emoji;

/**
 * One drawing of an {@link EmojiSet}.
 *
 * @param set the artist's set, one of {@link EmojiConfig#KNOWN_SETS}
 * @param name the name in that set
 * @param concept which emoji it is, the same string for all artists
 * @param label index into {@link EmojiSet#labels()}, the same for all drawings of a concept
 * @param licence SPDX identifier of the set's licence
 */
public record EmojiEntry(String set, String name, String concept, int label, String licence) {}
