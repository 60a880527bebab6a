package io.github.maskalign.core.image;

import java.awt.image.DataBufferByte;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Iterator;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.MemoryCacheImageInputStream;

/**
 * Decodes JPEG files with the JDK's reader, which is libjpeg, and makes the colours itself.
 *
 * <p>The components are read as they are: asked for a picture, the JDK would apply profiles and guess at colours.
 */
final class JpegDecoder {
    private JpegDecoder() {}

    static Picture decode(JpegSegments jpeg) throws PictureFormatException {
        JpegFrame frame = jpeg.frame();
        byte[] components = components(jpeg);
        return new Picture(
                frame.width(), frame.height(), jpeg.colours().toRgb(components, frame.width() * frame.height()));
    }

    private static byte[] components(JpegSegments jpeg) throws PictureFormatException {
        ImageReader reader = reader();
        try (MemoryCacheImageInputStream in =
                new MemoryCacheImageInputStream(new ByteArrayInputStream(jpeg.stripped()))) {
            reader.setInput(in, true, true);
            Raster raster = reader.readRaster(0, null);
            return bytes(jpeg, raster);
        } catch (PictureFormatException e) {
            throw e;
        } catch (IOException | RuntimeException e) { // the JDK's reader throws many things at bad files
            throw new PictureFormatException(jpeg.origin(), "the JPEG data is damaged (" + e.getMessage() + ")", e);
        } finally {
            reader.dispose();
        }
    }

    private static byte[] bytes(JpegSegments jpeg, Raster raster) throws PictureFormatException {
        JpegFrame frame = jpeg.frame();
        long expected = (long) frame.width() * frame.height() * jpeg.colours().components();
        if (raster.getDataBuffer() instanceof DataBufferByte buffer
                && buffer.getNumBanks() == 1
                && buffer.getData().length == expected) {
            return buffer.getData();
        }
        throw new PictureFormatException(jpeg.origin(), "the JPEG data is damaged: its frame header misleads");
    }

    /** The JDK's own reader, whatever else is on the class path. */
    private static ImageReader reader() {
        for (Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName("jpeg"); readers.hasNext(); ) {
            ImageReader reader = readers.next();
            if (reader.canReadRaster()
                    && "java.desktop".equals(reader.getClass().getModule().getName())) {
                return reader;
            }
            reader.dispose();
        }
        throw new IllegalStateException("This Java runtime cannot read JPEG files: its module java.desktop lacks them");
    }
}
