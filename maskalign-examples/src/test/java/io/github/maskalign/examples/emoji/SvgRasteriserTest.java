package io.github.maskalign.examples.emoji;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SvgRasteriserTest {
    private static final String RED = "<path fill='#f00' d='M0 0h100v100H0z'/>";

    /** The colour of a pixel, 0xRRGGBB. */
    private static int pixel(byte[] planes, int size, int x, int y) {
        int area = size * size;
        int k = y * size + x;
        return (planes[k] & 255) << 16 | (planes[area + k] & 255) << 8 | planes[2 * area + k] & 255;
    }

    private static byte[] draw(int size, Icon icon) throws BrokenDrawingException {
        return new SvgRasteriser(size, EmojiConfig.WHITE).draw(icon);
    }

    @Test
    void wideDrawingIsCentredBetweenBandsOfBackground() throws Exception {
        byte[] picture = new SvgRasteriser(20, 0x123456).draw(new Icon("wide", RED, 0, 0, 100, 50));

        assertThat(picture).hasSize(3 * 20 * 20);
        for (int x = 0; x < 20; x++) {
            for (int y = 0; y < 20; y++) {
                assertThat(pixel(picture, 20, x, y)).isEqualTo(y >= 5 && y < 15 ? 0xFF0000 : 0x123456);
            }
        }
    }

    @Test
    void tallDrawingIsCentredToo() throws Exception {
        byte[] picture = draw(21, new Icon("tall", RED, 0, 0, 30, 90)); // columns 7 to 13

        for (int x = 0; x < 21; x++) {
            assertThat(pixel(picture, 21, x, 10)).isEqualTo(x >= 7 && x < 14 ? 0xFF0000 : 0xFFFFFF);
        }
    }

    @Test
    void viewBoxNeedNotStartAtTheOrigin() throws Exception {
        byte[] moved = draw(16, new Icon("moved", "<path fill='#00f' d='M-8-8h8v8h-8z'/>", -8, -8, 16, 16));

        assertThat(pixel(moved, 16, 0, 0)).isEqualTo(0x0000FF);
        assertThat(pixel(moved, 16, 7, 7)).isEqualTo(0x0000FF);
        assertThat(pixel(moved, 16, 8, 8)).isEqualTo(0xFFFFFF);
    }

    @Test
    void edgesAreAntialiased() throws Exception {
        byte[] picture = draw(8, new Icon("half", "<path d='M0 0h3.5v8H0z'/>", 0, 0, 8, 8));

        assertThat(pixel(picture, 8, 2, 4)).isZero();
        assertThat(pixel(picture, 8, 3, 4) & 255).isBetween(110, 145); // half covered: 127 or 128
        assertThat(pixel(picture, 8, 4, 4)).isEqualTo(0xFFFFFF);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "<path d='M0",
                "<path d='M0 0h8v8z'/></svg><svg>",
                "<g>",
                "not markup & <<",
                "<path fill='#fff' d='M0 0h8v8H0z'/>",
                "<path d='M900 900h8v8h-8z'/>"
            })
    void drawingWithoutAPictureIsBroken(String body) {
        assertThatThrownBy(() -> draw(8, new Icon("bad", body, 0, 0, 8, 8)))
                .isInstanceOf(BrokenDrawingException.class)
                .hasMessageMatching("it (is not|cannot be) .*");
    }

    @Test
    void rasteriserWorksOnAfterABrokenDrawing() throws Exception {
        SvgRasteriser rasteriser = new SvgRasteriser(8, EmojiConfig.WHITE);
        byte[] before = rasteriser.draw(new Icon("good", RED, 0, 0, 8, 8));

        assertThatThrownBy(() -> rasteriser.draw(new Icon("bad", "<g>", 0, 0, 8, 8)))
                .isInstanceOf(BrokenDrawingException.class);

        assertThat(rasteriser.draw(new Icon("good", RED, 0, 0, 8, 8))).isEqualTo(before);
    }

    @Test
    void nothingOutsideTheDrawingIsLoaded(@TempDir Path folder) throws Exception {
        Path png = folder.resolve("red.png");
        Files.write(
                png,
                Base64.getDecoder()
                        .decode(
                                "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="));
        String image = "<image width='8' height='8' xlink:href='" + png.toUri() + "'/>";

        assertThatThrownBy(() -> draw(8, new Icon("outside", image, 0, 0, 8, 8)))
                .isInstanceOf(BrokenDrawingException.class);
    }

    @Test
    void threadsDrawTheSamePicture() {
        Icon icon = Objects.requireNonNull(PublishedSets.get("noto").icons().get("rainbow"));

        List<byte[]> pictures = IntStream.range(0, 16)
                .parallel()
                .mapToObj(i -> {
                    try {
                        return draw(33, icon);
                    } catch (BrokenDrawingException e) {
                        throw new IllegalStateException(e);
                    }
                })
                .toList();

        assertThat(pictures).allSatisfy(p -> assertThat(p).isEqualTo(pictures.get(0)));
    }

    @ParameterizedTest
    @ValueSource(ints = {32, 64, 256})
    void redHeartsOfAllArtistsAreRedInTheMiddle(int size) throws Exception {
        for (String set : List.of("noto", "noto-v1", "fluent-emoji-flat", "twemoji", "emojione")) {
            byte[] picture = draw(
                    size, Objects.requireNonNull(PublishedSets.get(set).icons().get("red-heart")));

            int middle = pixel(picture, size, size / 2, size / 2);
            assertThat(middle >> 16).as(set).isGreaterThan(190);
            assertThat(middle >> 8 & 255).as(set).isLessThan(100);
            assertThat(pixel(picture, size, 0, 0)).as(set).isEqualTo(0xFFFFFF);
        }
    }
}
