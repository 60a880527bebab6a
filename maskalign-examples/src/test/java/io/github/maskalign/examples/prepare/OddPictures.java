package io.github.maskalign.examples.prepare;

import java.awt.Graphics2D;
import java.awt.color.ColorSpace;
import java.awt.color.ICC_Profile;
import java.awt.image.BufferedImage;
import java.awt.image.Raster;
import java.awt.image.WritableRaster;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;

/**
 * Encodes pictures as ImageNet's are: mostly colour JPEGs of all sizes, and a few that are CMYK, grey, with a colour
 * profile, turned by EXIF, a PNG under the name of a JPEG, or cut off.
 */
final class OddPictures {
    private static final int KINDS = 12;

    private final int side;

    OddPictures(int side) {
        this.side = side;
    }

    /** Encodes a picture (3, side, side); its number decides how. */
    byte[] encode(byte[] planar, int number) throws IOException {
        BufferedImage picture = framed(planar, number);
        return switch (number % KINDS) {
            case 1 -> jpeg(cmyk(picture));
            case 3 -> jpeg(grey(picture));
            case 4 -> withSegment(jpeg(picture), 0xe2, profile());
            case 6 -> withSegment(jpeg(picture), 0xe1, turned());
            case 8 -> png(picture);
            case 10 -> cutOff(jpeg(picture));
            default -> jpeg(picture);
        };
    }

    /** Wider or taller than it is, by white borders. */
    private BufferedImage framed(byte[] planar, int number) {
        int width = side + 13 * (number % 5);
        int height = side + 7 * (number % 7);
        BufferedImage out = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = out.createGraphics();
        graphics.setColor(java.awt.Color.WHITE);
        graphics.fillRect(0, 0, width, height);
        graphics.dispose();
        int plane = side * side;
        for (int y = 0; y < side; y++) {
            for (int x = 0; x < side; x++) {
                int at = y * side + x;
                int rgb =
                        (planar[at] & 0xff) << 16 | (planar[plane + at] & 0xff) << 8 | (planar[2 * plane + at] & 0xff);
                out.setRGB((width - side) / 2 + x, (height - side) / 2 + y, rgb);
            }
        }
        return out;
    }

    private static BufferedImage grey(BufferedImage picture) {
        BufferedImage out = new BufferedImage(picture.getWidth(), picture.getHeight(), BufferedImage.TYPE_BYTE_GRAY);
        out.getGraphics().drawImage(picture, 0, 0, null);
        return out;
    }

    /** Inverted, as Photoshop's files are. */
    private static Raster cmyk(BufferedImage picture) {
        int width = picture.getWidth();
        int height = picture.getHeight();
        WritableRaster out =
                Raster.createInterleavedRaster(java.awt.image.DataBuffer.TYPE_BYTE, width, height, 4, null);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                int rgb = picture.getRGB(x, y);
                out.setPixel(x, y, new int[] {rgb >> 16 & 0xff, rgb >> 8 & 0xff, rgb & 0xff, 0xff});
            }
        }
        return out;
    }

    private static byte[] jpeg(BufferedImage picture) throws IOException {
        return jpeg(new IIOImage(picture, null, null));
    }

    private static byte[] jpeg(Raster raster) throws IOException {
        return jpeg(new IIOImage(raster, null, null));
    }

    private static byte[] jpeg(IIOImage image) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
        try (ImageOutputStream out = ImageIO.createImageOutputStream(bytes)) {
            writer.setOutput(out);
            writer.write(image);
        } finally {
            writer.dispose();
        }
        return bytes.toByteArray();
    }

    private static byte[] png(BufferedImage picture) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageIO.write(picture, "png", bytes);
        return bytes.toByteArray();
    }

    private static byte[] cutOff(byte[] jpeg) {
        return Arrays.copyOf(jpeg, jpeg.length / 2);
    }

    private static byte[] profile() {
        byte[] icc = ICC_Profile.getInstance(ColorSpace.CS_LINEAR_RGB).getData();
        byte[] head = "ICC_PROFILE\0\1\1".getBytes(StandardCharsets.ISO_8859_1);
        byte[] out = Arrays.copyOf(head, head.length + icc.length);
        System.arraycopy(icc, 0, out, head.length, icc.length);
        return out;
    }

    /** Says that the picture is to be turned by 90 degrees. */
    private static byte[] turned() {
        return new byte[] {
            'E',
            'x',
            'i',
            'f',
            0,
            0, // what it is
            'M',
            'M',
            0,
            42,
            0,
            0,
            0,
            8, // TIFF, big-endian, directory at 8
            0,
            1,
            0x01,
            0x12,
            0,
            3,
            0,
            0,
            0,
            1,
            0,
            6,
            0,
            0,
            0,
            0,
            0,
            0 // one entry: orientation 6
        };
    }

    /** Puts an application segment behind the start of the file. */
    private static byte[] withSegment(byte[] jpeg, int marker, byte[] content) {
        int length = content.length + 2;
        byte[] out = new byte[jpeg.length + content.length + 4];
        System.arraycopy(jpeg, 0, out, 0, 2);
        out[2] = (byte) 0xff;
        out[3] = (byte) marker;
        out[4] = (byte) (length >> 8);
        out[5] = (byte) length;
        System.arraycopy(content, 0, out, 6, content.length);
        System.arraycopy(jpeg, 2, out, 6 + content.length, jpeg.length - 2);
        return out;
    }
}
