package io.github.maskalign.encoders.text;

import java.util.List;

/** What every text encoder asks of its captions. */
final class Captions {
    private Captions() {}

    static void require(List<String> captions, int maxCharacters) {
        if (captions.isEmpty()) {
            throw new IllegalArgumentException("there must be at least one caption but was none");
        }
        for (int i = 0; i < captions.size(); i++) {
            String caption = captions.get(i);
            if (caption.length() > maxCharacters) {
                throw new IllegalArgumentException("a caption must have at most " + maxCharacters
                        + " characters but caption " + i + " has " + caption.length());
            }
            if (!isWellFormed(caption)) {
                throw new IllegalArgumentException("caption " + i + " has half a surrogate pair, which is no text");
            }
        }
    }

    static boolean isWellFormed(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (!Character.isSurrogate(c)) {
                continue;
            }
            if (!Character.isHighSurrogate(c)
                    || i + 1 == text.length()
                    || !Character.isLowSurrogate(text.charAt(i + 1))) {
                return false;
            }
            i++;
        }
        return true;
    }
}
