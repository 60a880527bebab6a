package io.github.maskalign.core.files.internal;

import java.io.IOException;
import java.io.Reader;

/** Passes JSON text on, and stops where a text or a number in it is longer than any that is meant. */
final class BoundedText extends Reader {
    static final int MAX_TEXT = 1 << 20;
    static final int MAX_WORD = 1_000;

    private final Reader text;
    private boolean inside;
    private boolean escaped;
    private int length;

    /** A text or number is too long. */
    static final class TooLong extends IOException {
        private static final long serialVersionUID = 1L;

        TooLong(String message) {
            super(message);
        }
    }

    BoundedText(Reader text) {
        this.text = text;
    }

    @Override
    public int read(char[] target, int offset, int count) throws IOException {
        int read = text.read(target, offset, count);
        for (int i = 0; i < read; i++) {
            pass(target[offset + i]);
        }
        return read;
    }

    private void pass(char c) throws TooLong {
        length++;
        if (inside) {
            inside = escaped || c != '"';
            escaped = !escaped && c == '\\';
            if (length > MAX_TEXT + 1) {
                throw new TooLong("a text must have at most " + MAX_TEXT + " characters");
            }
        } else if (c == '"') {
            inside = true;
            length = 0;
        } else if (" \t\r\n,:[]{}".indexOf(c) >= 0) {
            length = 0;
        } else if (length > MAX_WORD) {
            throw new TooLong("a number must have at most " + MAX_WORD + " characters");
        }
    }

    @Override
    public void close() throws IOException {
        text.close();
    }
}
