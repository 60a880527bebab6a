package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.List;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LossChartTest {
    private static final int FIRST_COLOUR = 0x2563EB;
    private static final int SECOND_COLOUR = 0xEA580C;

    private final LossChart chart = new LossChart("Two runs", "loss", 0.02, false, 640, 400);

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void drawsEachCurveInItsColour(boolean logarithmic) throws IOException {
        Png png = chart.withLogarithmic(logarithmic).draw(List.of(decay("a", 1.0), decay("b", 0.5)));

        BufferedImage image = ImageIO.read(new ByteArrayInputStream(png.bytes()));
        assertThat(image.getWidth()).isEqualTo(png.width()).isEqualTo(640);
        assertThat(image.getHeight()).isEqualTo(png.height()).isEqualTo(400);
        assertThat(count(image, FIRST_COLOUR)).isGreaterThan(300);
        assertThat(count(image, SECOND_COLOUR)).isGreaterThan(300);
    }

    @Test
    void drawsACurveWithGapsAndASinglePoint() throws IOException {
        Curve gaps = new Curve(
                "gaps", new double[] {1, 2, 3, 4, 5}, new double[] {1, Double.NaN, Double.POSITIVE_INFINITY, -1, 0.5});

        assertThat(chart.draw(List.of(gaps)).bytes()).isNotEmpty();
        assertThat(chart.withLogarithmic(true).draw(List.of(gaps)).bytes()).isNotEmpty();
        assertThat(chart.draw(List.of(new Curve("one", new double[] {7}, new double[] {0.3})))
                        .bytes())
                .isNotEmpty();
    }

    @Test
    void refusesToDrawNothing() {
        Curve negative = new Curve("loss", new double[] {1}, new double[] {-1});

        assertThatThrownBy(() -> chart.draw(List.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("chart 'Two runs' must be given at least one curve with a finite value");
        assertThatThrownBy(() -> chart.withLogarithmic(true).draw(List.of(negative)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("chart 'Two runs' must be given at least one curve with a finite positive value");
    }

    @Test
    void refusesSmoothingOutsideOfItsRange() {
        assertThatThrownBy(() -> chart.withSmoothing(0.5))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("smoothing must be in [0, 0.5) but was 0.5");
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0",
        "1, 1",
        "0.5912, 0.5912",
        "0.25, 0.25",
        "200, 200",
        "9999, 9999",
        "50000, 50k",
        "12500, 12.5k",
        "1200000, 1.2M",
        "0.0001, 1.0e-04",
        "-0.3, -0.3"
    })
    void shortensNumbers(double value, String text) {
        assertThat(LossChart.shortNumber(value)).isEqualTo(text);
    }

    private static Curve decay(String label, double scale) {
        double[] steps = IntStream.range(0, 300).mapToDouble(i -> 10 * (i + 1)).toArray();
        double[] values = IntStream.range(0, 300)
                .mapToDouble(i -> scale * (0.2 + Math.exp(-i / 50.0)))
                .toArray();
        return new Curve(label, steps, values);
    }

    private static long count(BufferedImage image, int colour) {
        return IntStream.range(0, image.getWidth() * image.getHeight())
                .filter(i -> (image.getRGB(i % image.getWidth(), i / image.getWidth()) & 0xFFFFFF) == colour)
                .count();
    }
}
