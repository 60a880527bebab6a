package io.github.maskalign.core.image;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.internal.OwnedArrays;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

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

    /**
     * Returns the pictures of three planes each, one after the other.
     *
     * @param planes (N, 3, height, width), row by row; N is what there is of them
     * @throws IllegalArgumentException if they are no whole number of pictures
     */
    public static List<Picture> ofPlanar(int width, int height, byte[] planes) {
        int area = Math.multiplyExact(width, height);
        if (width < 1 || height < 1 || planes.length % Math.multiplyExact(CHANNELS, area) != 0) {
            throw new IllegalArgumentException("pictures of " + width + " x " + height
                    + " pixels must have a multiple of " + (long) CHANNELS * area + " bytes but there are "
                    + planes.length);
        }
        List<Picture> pictures = new ArrayList<>();
        for (int first = 0; first < planes.length; first += CHANNELS * area) {
            byte[] interleaved = new byte[CHANNELS * area];
            for (int c = 0; c < CHANNELS; c++) {
                for (int i = 0; i < area; i++) {
                    interleaved[i * CHANNELS + c] = planes[first + c * area + i];
                }
            }
            pictures.add(new Picture(width, height, interleaved));
        }
        return List.copyOf(pictures);
    }

    /**
     * Returns the pictures of an array of bytes.
     *
     * @param images (N, 3, H, W) or (3, H, W), uint8 in [0, 255], on any device
     * @throws IllegalArgumentException if the array has another shape or type
     */
    public static List<Picture> ofNDArray(NDArray images) {
        Shape shape = images.getShape();
        int last = shape.dimension() - 1;
        boolean fits = (last == 2 || last == 3) && shape.get(last - 2) == CHANNELS;
        if (!fits || images.getDataType() != DataType.UINT8) {
            throw new IllegalArgumentException(
                    "pictures must be uint8 (N, 3, H, W) or (3, H, W) but were " + images.getDataType() + " " + shape);
        }
        try (NDManager scratch = images.getManager().newSubManager()) {
            NDArray copy = images.duplicate(); // of a view too, and what is read of it is freed with it
            copy.attach(scratch);
            return ofPlanar(Math.toIntExact(shape.get(last)), Math.toIntExact(shape.get(last - 1)), copy.toByteArray());
        }
    }

    /**
     * Returns pictures as encoders take them.
     *
     * @param manager owner of the result; decides the device
     * @param pictures at least one, all of one size
     * @return (N, 3, H, W), uint8
     * @throws IllegalArgumentException if there is none or their sizes differ
     */
    public static NDArray toNDArray(NDManager manager, List<Picture> pictures) {
        if (pictures.isEmpty()) {
            throw new IllegalArgumentException("there must be at least one picture");
        }
        Picture first = pictures.get(0);
        int each = first.pixels.length;
        byte[] planes = new byte[Math.multiplyExact(pictures.size(), each)];
        for (int i = 0; i < pictures.size(); i++) {
            Picture picture = pictures.get(i);
            if (picture.width != first.width || picture.height != first.height) {
                throw new IllegalArgumentException("pictures of one array must have one size but the first is a "
                        + first + " and number " + i + " a " + picture);
            }
            picture.copyPlanar(planes, i * each);
        }
        return OwnedArrays.of(manager, new Shape(pictures.size(), CHANNELS, first.height, first.width), planes);
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
