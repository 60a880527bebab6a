package io.github.maskalign.core.data.internal;

/**
 * One picture of a set.
 *
 * @param name where it is in the set, such as {@code n01440764/n01440764_10026.JPEG}
 * @param label its class
 */
public record LabelledPicture(String name, int label) {}
