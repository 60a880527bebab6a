package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.maskalign.sit.run.internal.Chart.ChartPen;
import io.github.maskalign.sit.run.internal.Chart.ChartSheet;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ChartTest {
    private static final int FIRST_COLOUR = 0x2563EB;
    private static final int SECOND_COLOUR = 0xEA580C;

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void drawsEachCurveInItsColour(boolean logarithmic) throws IOException {
        Png png = draw(logarithmic, decay("a", 1.0), decay("b", 0.5));

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

        assertThat(draw(false, gaps).bytes()).isNotEmpty();
        assertThat(draw(true, gaps).bytes()).isNotEmpty();
        assertThat(draw(false, new Curve("one", new double[] {7}, new double[] {0.3}))
                        .bytes())
                .isNotEmpty();
    }

    @Test
    void refusesToDrawNothing() {
        Curve negative = new Curve("loss", new double[] {1}, new double[] {-1});

        assertThatThrownBy(() -> draw(false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("chart 'Two runs' must be given at least one curve with a finite value");
        assertThatThrownBy(() -> draw(true, negative))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("chart 'Two runs' must be given at least one curve with a finite positive value");
    }

    @Test
    void refusesSmoothingOutsideOfItsRange() {
        assertThatThrownBy(() -> new Chart("Two runs", false, 0.5))
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
        assertThat(Chart.shortNumber(value)).isEqualTo(text);
    }

    /** Page and file have the same axes, and each point at the same place of its plot. */
    @Test
    void onePlaceForTheCurvesOfPageAndFile() {
        Chart chart = new Chart("Score", false, 0);
        Curve points = new Curve("a", new double[] {0, 10}, new double[] {1, 3});
        Recorded page = new Recorded();
        Recorded file = new Recorded();

        chart.draw(Chart.Line.of(List.of(points)), ChartSheet.PAGE, page);
        chart.draw(Chart.Line.of(List.of(points)), ChartSheet.file(640, 400), file);

        assertThat(page.numbers).isEqualTo(file.numbers).contains("2", "10");
        assertThat(page.dots).hasSize(2);
        for (int i = 0; i < 2; i++) {
            assertThat(share(page, ChartSheet.PAGE, i))
                    .isCloseTo(share(file, ChartSheet.file(640, 400), i), within(1e-9));
        }
    }

    /** One deviation to both sides of the mean, behind the lines of the runs. */
    @Test
    void aGroupIsAMeanInABand() {
        Chart chart = new Chart("Score", false, 0);
        double[] steps = {0, 10};
        List<Curve> curves = List.of(
                new Curve("a", steps, new double[] {1, 3}),
                new Curve("b", new double[] {0, 10, 20}, new double[] {3, 3, 9}),
                new Curve("c", steps, new double[] {5, 3}));
        Recorded pen = new Recorded();

        List<Chart.Line> lines = Chart.Line.of(0, curves, chart);
        chart.draw(lines, ChartSheet.PAGE, pen);

        assertThat(lines).hasSize(1);
        assertThat(lines.get(0).curve().steps()).containsExactly(0, 10); // which all of them have
        assertThat(chart.last(lines.get(0), Chart::shortNumber, Markup::deviation))
                .isEqualTo("3 ± 0");
        assertThat(pen.faint).containsExactly(true, true, true, false);
        assertThat(pen.dots).hasSize(2);
        double[][] band = pen.bands.get(0);
        double mean = pen.dots.get(0)[1];
        double end = pen.dots.get(1)[1];
        double unit = (band[1][0] - mean) / 2; // the deviation of 1, 3 and 5 is 2
        assertThat(unit).isPositive();
        assertThat(mean - band[2][0]).isCloseTo(2 * unit, within(1e-9));
        assertThat(band[1][1]).isEqualTo(end).isEqualTo(band[2][1]);
        assertThat(mean).as("the mean of both steps").isEqualTo(end);
    }

    /** Curves that were averaged are compared where one has a point and the others a line. */
    @Test
    void averagesOfRunsMeetBetweenTheirPoints() {
        Chart chart = new Chart("Loss", false, 0.01);
        List<Curve> curves = List.of(
                new Curve("a", new double[] {0, 10, 20}, new double[] {1, 1, 1}),
                new Curve("b", new double[] {5, 15}, new double[] {2, 4}));

        MeanCurve mean = MeanCurve.of(curves, true).orElseThrow();

        assertThat(mean.mean().steps()).containsExactly(10);
        assertThat(mean.mean().values()).containsExactly(2); // 1 and 3
        assertThat(MeanCurve.of(curves, false)).isEmpty();
        assertThat(MeanCurve.of(curves.subList(0, 1), true)).isEmpty();
        assertThat(Chart.Line.of(3, curves, new Chart("Score", false, 0)))
                .as("no step in common: as they are")
                .extracting(Chart.Line::isMean)
                .containsExactly(false, false);
        assertThat(Chart.Line.of(3, curves, chart)).hasSize(1);
    }

    /** A headline, the names of both axes and the legend are drawn where no curve is. */
    @Test
    void aFileHasHeadlineNamesAndLegend() throws IOException {
        Curve flat = new Curve("flat", new double[] {1, 100}, new double[] {1, 1});
        BufferedImage image =
                ImageIO.read(new ByteArrayInputStream(draw(false, flat).bytes()));
        ChartSheet sheet = ChartSheet.file(640, 400);

        assertThat(dark(image, 0, 0, 640, sheet.top())).as("headline").isGreaterThan(50);
        assertThat(dark(image, 0, 400 - 40, 640, 40)).as("steps").isGreaterThan(50);
        assertThat(dark(image, 0, sheet.top(), 36, sheet.plotHeight()))
                .as("quantity")
                .isGreaterThan(20);
        assertThat(dark(image, 640 - sheet.right() - 150, sheet.top(), 150, 26))
                .as("legend")
                .isGreaterThan(20);
    }

    private static Png draw(boolean logarithmic, Curve... curves) {
        return new Chart("Two runs", logarithmic, 0.02)
                .png(ChartSheet.file(640, 400), "loss", Chart.Line.of(List.of(curves)));
    }

    private static double share(Recorded pen, ChartSheet sheet, int dot) {
        return (pen.dots.get(dot)[1] - sheet.top()) / sheet.plotHeight();
    }

    /** Counts pixels nearly as dark as ink. */
    private static long dark(BufferedImage image, int left, int top, int width, int height) {
        return IntStream.range(0, width * height)
                .filter(i -> (image.getRGB(left + i % width, top + i / width) & 0xff) < 0x60)
                .count();
    }

    private static final class Recorded implements ChartPen {
        private final List<String> numbers = new ArrayList<>();
        private final List<double[]> dots = new ArrayList<>();
        private final List<double[][]> bands = new ArrayList<>();
        private final List<Boolean> faint = new ArrayList<>();

        @Override
        public void rule(double y, String number) {
            numbers.add(number);
        }

        @Override
        public void step(double x, String number) {
            numbers.add(number);
        }

        @Override
        public void openPlot() {}

        @Override
        public void curve(int run, boolean behind, double[] x, double[] y) {
            faint.add(behind);
        }

        @Override
        public void band(int run, double[] x, double[] low, double[] high) {
            bands.add(new double[][] {x, low, high});
        }

        @Override
        public void dot(int run, double x, double y) {
            dots.add(new double[] {x, y});
        }
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
