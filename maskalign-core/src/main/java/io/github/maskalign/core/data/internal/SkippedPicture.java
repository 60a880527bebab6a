package io.github.maskalign.core.data.internal;

/**
 * A picture that cannot be read and is left out.
 *
 * @param index its place in the source
 * @param name its name in the source
 * @param reason why
 */
public record SkippedPicture(int index, String name, String reason) {}
