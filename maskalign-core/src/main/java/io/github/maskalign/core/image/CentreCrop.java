package io.github.maskalign.core.image;

/**
 * The centre crop of the ADM code base, by which ImageNet is prepared for diffusion models.
 *
 * <p>While the shorter side is at least twice the wanted one, both sides are halved (rounding down) with a box filter;
 * bicubic resampling then brings the shorter side to the wanted size, the longer one rounded as Python rounds, half to
 * even; the centre is cut out with offsets rounded down. Byte for byte what Pillow
 * before version 13 gives, see {@link Resampler}; with 13, pictures about twice as tall as wide differ by rounding.
 *
 * <p>Source: openai/guided-diffusion, {@code center_crop_arr}; REPA preprocessing, {@code center-crop-dhariwal}.
 */
public final class CentreCrop {
    private CentreCrop() {}

    /** Returns the picture as a square of {@code size} × {@code size} pixels, at least 1. */
    public static Picture adm(Picture picture, int size) {
        if (size < 1) {
            throw new IllegalArgumentException("size must be at least 1 but was " + size);
        }
        Picture halved = picture;
        while (Math.min(halved.width(), halved.height()) >= 2L * size) {
            halved = Resampler.BOX.resize(halved, halved.width() / 2, halved.height() / 2);
        }
        double scale = (double) size / Math.min(halved.width(), halved.height());
        int width = (int) Math.rint(halved.width() * scale);
        int height = (int) Math.rint(halved.height() * scale);
        return Resampler.BICUBIC.resize(halved, width, height, (width - size) / 2, (height - size) / 2, size, size);
    }
}
