package io.github.maskalign.core.image;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Iterator;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/** Makes JPEG files with the JDK's own writer. */
final class JpegEncoder {
    private JpegEncoder() {}

    static byte[] encode(Picture picture, float quality) {
        if (!(quality >= 0 && quality <= 1)) {
            throw new IllegalArgumentException("quality must be in [0, 1] but was " + quality);
        }
        ImageWriter writer = writer();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
            ImageWriteParam how = writer.getDefaultWriteParam();
            how.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
            how.setCompressionQuality(quality);
            writer.setOutput(out);
            writer.write(null, new IIOImage(image(picture), null, null), how);
        } catch (IOException e) {
            throw new UncheckedIOException("a picture in memory could not be written", e);
        } finally {
            writer.dispose();
        }
        return bytes.toByteArray();
    }

    private static BufferedImage image(Picture picture) {
        byte[] pixels = picture.pixels();
        int[] rgb = new int[picture.width() * picture.height()];
        for (int i = 0; i < rgb.length; i++) {
            int at = Picture.CHANNELS * i;
            rgb[i] = (pixels[at] & 0xff) << 16 | (pixels[at + 1] & 0xff) << 8 | pixels[at + 2] & 0xff;
        }
        BufferedImage image = new BufferedImage(picture.width(), picture.height(), BufferedImage.TYPE_INT_RGB);
        image.setRGB(0, 0, picture.width(), picture.height(), rgb, 0, picture.width());
        return image;
    }

    /** The JDK's own writer, whatever else is on the class path. */
    private static ImageWriter writer() {
        for (Iterator<ImageWriter> writers = ImageIO.getImageWritersByFormatName("jpeg"); writers.hasNext(); ) {
            ImageWriter writer = writers.next();
            if ("java.desktop".equals(writer.getClass().getModule().getName())) {
                return writer;
            }
            writer.dispose();
        }
        throw new IllegalStateException(
                "This Java runtime cannot write JPEG files: its module java.desktop lacks them");
    }
}
