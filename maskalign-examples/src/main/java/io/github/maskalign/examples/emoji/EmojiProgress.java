package io.github.maskalign.examples.emoji;

/** Told how far the drawing of an {@link EmojiSet} is. Called from the thread that opened the set. */
@FunctionalInterface
public interface EmojiProgress {
    /** {@code done} of {@code total} pictures are drawn, in [0, total]. */
    void drawn(int done, int total);

    /** Returns a listener that does nothing. */
    static EmojiProgress silent() {
        return (done, total) -> {};
    }
}
