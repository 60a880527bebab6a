package io.github.maskalign.sit.run.internal;

/**
 * A batch of 8-bit pictures, planar as the model gives them.
 *
 * @param count number of pictures, N
 * @param channels 1 for grey or 3 for red, green, blue, C
 * @param height height in pixels, H
 * @param width width in pixels, W
 * @param pixels (N, C, H, W) values in [0, 255] as unsigned bytes; owned by this record from here on
 */
public record Pictures(int count, int channels, int height, int width, byte[] pixels) {
    /** Checks that the numbers fit together. */
    public Pictures {
        if (count < 1 || height < 1 || width < 1) {
            throw new IllegalArgumentException("count, height and width of pictures must be at least 1 but were "
                    + count + ", " + height + " and " + width);
        }
        if (channels != 1 && channels != 3) {
            throw new IllegalArgumentException("channels of pictures must be 1 or 3 but was " + channels
                    + "; latents have to be decoded before they can be shown");
        }
        long expected = (long) count * channels * height * width;
        if (pixels.length != expected) {
            throw new IllegalArgumentException("pictures of shape (" + count + ", " + channels + ", " + height + ", "
                    + width + ") have " + expected + " values but " + pixels.length + " were given");
        }
    }

    /** Returns one pixel as {@code 0xRRGGBB}. */
    int rgb(int picture, int y, int x) {
        int plane = height * width;
        int red = picture * channels * plane + y * width + x;
        int step = channels == 3 ? plane : 0;
        return (pixels[red] & 0xFF) << 16 | (pixels[red + step] & 0xFF) << 8 | pixels[red + 2 * step] & 0xFF;
    }
}
