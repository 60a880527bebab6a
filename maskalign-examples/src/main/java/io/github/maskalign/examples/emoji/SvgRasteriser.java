package io.github.maskalign.examples.emoji;

import com.github.weisj.jsvg.SVGDocument;
import com.github.weisj.jsvg.parser.LoaderContext;
import com.github.weisj.jsvg.parser.SVGLoader;
import com.github.weisj.jsvg.parser.resources.ResourcePolicy;
import com.github.weisj.jsvg.renderer.NullPlatformSupport;
import com.github.weisj.jsvg.view.FloatSize;
import com.github.weisj.jsvg.view.ViewBox;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferInt;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Draws SVG pictures on a square of one colour: antialiased, aspect ratio kept, centred. One instance per thread.
 *
 * <p>Nothing outside the picture is loaded, and no window system is needed.
 */
final class SvgRasteriser {
    private final SVGLoader loader = new SVGLoader();
    private final LoaderContext context = LoaderContext.builder()
            .externalResourcePolicy(ResourcePolicy.DENY_ALL)
            .build();
    private final int size;
    private final int background;
    private final BufferedImage canvas;
    private final int[] rgb;

    /** Creates a rasteriser for pictures of {@code size} × {@code size} pixels on {@code background}, 0xRRGGBB. */
    SvgRasteriser(int size, int background) {
        this.size = size;
        this.background = background;
        canvas = new BufferedImage(size, size, BufferedImage.TYPE_INT_RGB);
        rgb = ((DataBufferInt) canvas.getRaster().getDataBuffer()).getData();
    }

    /**
     * Draws a picture.
     *
     * @return bytes (3, size, size), red first, each in [0, 255]
     * @throws BrokenDrawingException if the picture cannot be read, drawn, or cannot be told from the background
     */
    byte[] draw(Icon icon) throws BrokenDrawingException {
        Arrays.fill(rgb, background);
        Graphics2D graphics = canvas.createGraphics();
        try {
            SVGDocument document = load(icon);
            if (document == null) {
                throw new BrokenDrawingException("it is not an SVG document", null);
            }
            graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
            graphics.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
            graphics.setRenderingHint(RenderingHints.KEY_RENDERING, RenderingHints.VALUE_RENDER_QUALITY);
            graphics.setColor(Color.WHITE);
            document.renderWithPlatform(NullPlatformSupport.INSTANCE, graphics, fit(document.size()));
        } catch (RuntimeException | StackOverflowError e) {
            throw new BrokenDrawingException("it cannot be drawn: " + e, e);
        } finally {
            graphics.dispose();
        }
        return planes();
    }

    private @Nullable SVGDocument load(Icon icon) {
        byte[] svg = icon.toSvg().getBytes(StandardCharsets.UTF_8);
        return loader.load(new ByteArrayInputStream(svg), null, context);
    }

    private ViewBox fit(FloatSize drawing) {
        float scale = size / Math.max(drawing.width, drawing.height);
        float width = drawing.width * scale;
        float height = drawing.height * scale;
        return new ViewBox((size - width) / 2, (size - height) / 2, width, height);
    }

    private byte[] planes() throws BrokenDrawingException {
        int area = size * size;
        byte[] pixels = new byte[3 * area];
        boolean blank = true;
        for (int k = 0; k < area; k++) {
            int p = rgb[k];
            pixels[k] = (byte) (p >> 16);
            pixels[area + k] = (byte) (p >> 8);
            pixels[2 * area + k] = (byte) p;
            blank &= (p & 0xFFFFFF) == background;
        }
        if (blank) {
            throw new BrokenDrawingException("it cannot be told from the background", null);
        }
        return pixels;
    }
}
