package io.github.maskalign.core.image;

/**
 * Spreads the samples of one PNG row to RGB, by the rules of Pillow's {@code convert("RGB")}.
 *
 * @param palette (colours, 3); empty unless the samples are indices
 */
record PngRow(PngHeader header, byte[] palette) {
    /**
     * Writes {@code count} pixels.
     *
     * @param row a filter byte, then the samples
     * @param at where the first pixel goes
     * @param step from one pixel to the next
     */
    void spread(byte[] row, int count, byte[] out, int at, int step) {
        switch (header.colour()) {
            case PngHeader.PALETTE -> indices(row, count, out, at, step);
            case PngHeader.GREY -> {
                if (header.bits() == 16) {
                    wideGrey(row, count, out, at, step);
                } else {
                    narrowGrey(row, count, out, at, step);
                }
            }
            default -> bytes(row, count, out, at, step);
        }
    }

    /** Samples of 8 or 16 bits; of the latter the upper byte counts. */
    private void bytes(byte[] row, int count, byte[] out, int at, int step) {
        int sample = header.bits() / 8;
        int pixel = header.pixelBytes();
        boolean grey = header.colour() == PngHeader.GREY_ALPHA;
        int green = grey ? 0 : sample;
        int blue = grey ? 0 : 2 * sample;
        for (int i = 0, from = 1, to = at; i < count; i++, from += pixel, to += step) {
            out[to] = row[from];
            out[to + 1] = row[from + green];
            out[to + 2] = row[from + blue];
        }
    }

    /** Pillow keeps 16-bit grey as it is and cuts it off at 255 when it becomes RGB. */
    private static void wideGrey(byte[] row, int count, byte[] out, int at, int step) {
        for (int i = 0, to = at; i < count; i++, to += step) {
            put(out, to, row[1 + 2 * i] == 0 ? row[2 + 2 * i] : (byte) 255);
        }
    }

    /** Samples of 1, 2, 4 or 8 bits, spread over [0, 255]. */
    private void narrowGrey(byte[] row, int count, byte[] out, int at, int step) {
        int bits = header.bits();
        int scale = 255 / ((1 << bits) - 1);
        for (int i = 0, to = at; i < count; i++, to += step) {
            put(out, to, (byte) (sample(row, i, bits) * scale));
        }
    }

    private void indices(byte[] row, int count, byte[] out, int at, int step) {
        int bits = header.bits();
        for (int i = 0, to = at; i < count; i++, to += step) {
            int from = sample(row, i, bits) * 3;
            if (from < palette.length) {
                out[to] = palette[from];
                out[to + 1] = palette[from + 1];
                out[to + 2] = palette[from + 2];
            } else {
                put(out, to, (byte) 0); // an index that the palette lacks is black
            }
        }
    }

    private static int sample(byte[] row, int i, int bits) {
        int bit = i * bits;
        return row[1 + bit / 8] >> (8 - bits - bit % 8) & ((1 << bits) - 1);
    }

    private static void put(byte[] out, int to, byte value) {
        out[to] = value;
        out[to + 1] = value;
        out[to + 2] = value;
    }
}
