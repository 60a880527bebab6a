package io.github.maskalign.examples.emoji;

/**
 * One vector drawing: the inside of an {@code svg} element and its view box.
 *
 * @param name the name in its set
 * @param body SVG elements
 * @param left left edge of the view box
 * @param top top edge of the view box
 * @param width width of the view box, positive
 * @param height height of the view box, positive
 */
record Icon(String name, String body, float left, float top, float width, float height) {
    /** Returns a complete SVG document. */
    String toSvg() {
        return "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"" + width
                + "\" height=\"" + height + "\" viewBox=\"" + left + " " + top + " " + width + " " + height + "\">"
                + body + "</svg>";
    }
}
