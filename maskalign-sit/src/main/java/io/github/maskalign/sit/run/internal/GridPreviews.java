package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureWriter;
import io.github.maskalign.core.image.Resampler;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Objects;

/**
 * Sample grids on a page of many runs: small JPEG pictures, each with a link to the whole one, so that the page stays as small as
 * its readers' patience however many runs there are.
 *
 * @param mostBytes most bytes of one picture; the narrowest is taken even if it has more
 * @param page folder of the page, from which links lead
 */
public record GridPreviews(int mostBytes, Path page) {
    private static final int[] WIDTHS = {768, 512, 384, 256, 128};
    private static final float QUALITY = 0.8f;

    /** A picture of at most {@code mostBytes}, as wide as that allows and no wider than the whole one. */
    ReportedRun.Grid of(Path file, Picture whole, long step) throws IOException {
        ReportedRun.Grid grid = null;
        for (int width : WIDTHS) {
            int narrow = Math.min(width, whole.width());
            int height = Math.max(1, Math.round((float) whole.height() * narrow / whole.width()));
            Picture small = narrow == whole.width() ? whole : Resampler.BICUBIC.resize(whole, narrow, height);
            grid = new ReportedRun.Grid(
                    step, PictureWriter.jpeg(small, QUALITY), small.width(), small.height(), link(file));
            if (grid.picture().length <= mostBytes) {
                return grid;
            }
        }
        return Objects.requireNonNull(grid);
    }

    /** A relative address, which stays right when the folder is moved. */
    private String link(Path file) {
        Path to = page.toAbsolutePath()
                .normalize()
                .relativize(file.toAbsolutePath().normalize());
        try {
            return new URI(null, null, to.toString().replace(File.separatorChar, '/'), null).getRawPath();
        } catch (URISyntaxException e) {
            throw new IllegalStateException("no address leads to " + to, e);
        }
    }
}
