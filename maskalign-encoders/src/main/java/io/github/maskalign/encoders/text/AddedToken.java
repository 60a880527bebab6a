package io.github.maskalign.encoders.text;

/**
 * A token that is found in the text as a whole, before anything else is done with it.
 *
 * @param content what it looks like, not empty
 * @param id its id, at least 0
 * @param singleWord whether it must stand alone
 * @param leftStrip whether it takes the white space before it
 * @param rightStrip whether it takes the white space after it
 * @param normalized whether it is looked for in the normalised text, in which all is lower case
 */
record AddedToken(
        String content, int id, boolean singleWord, boolean leftStrip, boolean rightStrip, boolean normalized) {
    AddedToken withId(int newId) {
        return new AddedToken(content, newId, singleWord, leftStrip, rightStrip, normalized);
    }
}
