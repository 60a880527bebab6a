package io.github.maskalign.core.config;

/**
 * Where a node was written.
 *
 * @param source file name, or the text of an override
 * @param line from 1; 0 in a source without lines
 * @param column from 1; 0 in a source without lines
 */
record Place(String source, int line, int column) {
    /** A source without lines. */
    static Place of(String source) {
        return new Place(source, 0, 0);
    }

    @Override
    public String toString() {
        return line == 0 ? source : source + ":" + line + ":" + column;
    }
}
