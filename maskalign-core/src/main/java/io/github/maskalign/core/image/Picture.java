package io.github.maskalign.core.image;

import java.util.Arrays;

/**
 * A picture of 8-bit red, green and blue that does not change.
 *
 * <p>Pixels are stored row by row from the top left, three bytes each: (H, W, 3), values in [0, 255].
 */
public final class Picture {
    /** Bytes of a pixel. */
    static final int CHANNELS = 3;

    private final int width;
    private final int height;
    private final byte[] pixels;

    /** The array belongs to the picture from here on. */
    Picture(int width, int height, byte[] pixels) {
        if (width < 1 || height < 1) {
            throw new IllegalArgumentException(
                    "a picture must have at least 1 x 1 pixels but was " + width + " x " + height);
        }
        if (pixels.length != (long) width * height * CHANNELS) {
            throw new IllegalArgumentException("a picture of " + width + " x " + height + " pixels has "
                    + (long) width * height * CHANNELS + " bytes but " + pixels.length + " were given");
        }
        this.width = width;
        this.height = height;
        this.pixels = pixels;
    }

    /**
     * Returns a picture of these pixels, which are copied.
     *
     * @param interleaved (H, W, 3) red, green, blue
     */
    public static Picture of(int width, int height, byte[] interleaved) {
        return new Picture(width, height, interleaved.clone());
    }

    /** Returns the number of pixels in a row. */
    public int width() {
        return width;
    }

    /** Returns the number of rows. */
    public int height() {
        return height;
    }

    /** Returns the pixel at column {@code x} and row {@code y} as {@code 0xRRGGBB}. */
    public int rgb(int x, int y) {
        int at = (y * width + x) * CHANNELS;
        return (pixels[at] & 0xff) << 16 | (pixels[at + 1] & 0xff) << 8 | (pixels[at + 2] & 0xff);
    }

    /** Returns a copy of the pixels, (H, W, 3). */
    public byte[] toInterleaved() {
        return pixels.clone();
    }

    /** Returns the pixels as three planes, (3, H, W). */
    public byte[] toPlanar() {
        byte[] planes = new byte[pixels.length];
        copyPlanar(planes, 0);
        return planes;
    }

    /** Writes the pixels as three planes, (3, H, W), to {@code target} from {@code offset} on. */
    public void copyPlanar(byte[] target, int offset) {
        int plane = width * height;
        for (int c = 0; c < CHANNELS; c++) {
            int to = offset + c * plane;
            for (int i = 0, from = c; i < plane; i++, from += CHANNELS) {
                target[to + i] = pixels[from];
            }
        }
    }

    /**
     * Returns a part of this picture.
     *
     * @throws IllegalArgumentException if it is empty or not inside
     */
    public Picture crop(int left, int top, int width, int height) {
        if (left < 0 || top < 0 || width < 1 || height < 1 || left > this.width - width || top > this.height - height) {
            throw new IllegalArgumentException("a part of " + width + " x " + height + " pixels at (" + left + ", "
                    + top + ") is not inside a picture of " + this.width + " x " + this.height);
        }
        byte[] part = new byte[width * height * CHANNELS];
        for (int y = 0; y < height; y++) {
            System.arraycopy(
                    pixels, ((top + y) * this.width + left) * CHANNELS, part, y * width * CHANNELS, width * CHANNELS);
        }
        return new Picture(width, height, part);
    }

    /** The pixels themselves; nobody may write to them. */
    byte[] pixels() {
        return pixels;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Picture p && p.width == width && p.height == height && Arrays.equals(p.pixels, pixels);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * width + height) + Arrays.hashCode(pixels);
    }

    @Override
    public String toString() {
        return "picture of " + width + " x " + height + " pixels";
    }
}
