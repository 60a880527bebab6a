package io.github.maskalign.examples.emoji;

/**
 * Whom to credit for an emoji set, as its file says.
 *
 * @param set the set's identifier
 * @param title the set's full name
 * @param author the artist or company
 * @param authorUrl where the originals are
 * @param licence the licence's name
 * @param spdx the licence's SPDX identifier
 * @param licenceUrl the licence's text
 */
record SetInfo(
        String set, String title, String author, String authorUrl, String licence, String spdx, String licenceUrl) {}
