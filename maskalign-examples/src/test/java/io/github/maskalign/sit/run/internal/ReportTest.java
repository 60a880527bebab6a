package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigWriter;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureWriter;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunReport;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

class ReportTest {
    private static final Instant MADE = Instant.parse("2026-06-08T10:20:30Z");
    private static final Path QUICKSTART = Path.of("..", "configs", "emoji-32.yaml");

    @TempDir
    Path folder;

    @Test
    void onePageHoldsAllAndNeedsNothingElse() throws Exception {
        Path run = run("one", List.of());
        stats(run, 40);
        picture(run.resolve("samples-0000010.png"), 8);
        picture(run.resolve("samples.png"), 8);
        Files.writeString(run.resolve("evaluation.json"), evaluation("Fréchet distance (not FID)", "few samples"));
        Files.writeString(run.resolve("provenance.json"), "{\"pytorch\": \"2.3.1\"}");
        Files.writeString(run.resolve("ATTRIBUTION.txt"), "Noto Emoji by Google");

        String page = page(List.of(run));

        assertThat(page)
                .contains("8 June 2026, 10:20 UTC", "40 of 700", "MaskAlign", "Velocity loss", "Gradient norm")
                .contains("Fréchet distance (not FID)", "12.5", "± 0.25", "few samples")
                .contains("step 10<", "step 40<", "2.3.1", "Noto Emoji by Google", "emaDecay")
                .doesNotContain(
                        "<script", "<link", "@import", "src=\"http", "url(", "xlink", "have not been evaluated");
        Document parsed = parse(page);
        NodeList images = parsed.getElementsByTagName("img");
        assertThat(images.getLength()).isEqualTo(2);
        for (int i = 0; i < 2; i++) {
            assertThat(((Element) images.item(i)).getAttribute("src")).startsWith("data:image/png;base64,");
            assertThat(((Element) images.item(i)).getAttribute("alt")).startsWith("samples of one at step ");
        }
    }

    @Test
    void gridsAreEvenlySpacedAndTheLastIsThere() throws Exception {
        Path run = run("grids", List.of());
        stats(run, 90);
        for (int step = 10; step <= 90; step += 10) {
            picture(run.resolve(String.format("samples-%07d.png", step)), 4);
        }
        picture(run.resolve("samples.png"), 4);

        assertThat(ReportedRun.read(run, "a", 3).grids())
                .extracting(ReportedRun.Grid::step)
                .containsExactly(10L, 50L, 90L);
        assertThat(ReportedRun.read(run, "a", 1).grids())
                .extracting(ReportedRun.Grid::step)
                .containsExactly(90L);
        assertThat(ReportedRun.read(run, "a", 0).grids()).isEmpty();
        assertThat(ReportedRun.read(run, "a", 99).grids()).hasSize(9);
    }

    @Test
    void severalRunsShareChartsAndTellTheirDifferences() throws Exception {
        Path a = run("a", List.of());
        Path b = run("b", List.of("mixer.layers=0", "subset.placement=NONE", "subset.ratio=0.0"));
        stats(a, 30);
        stats(b, 20);

        String page = page(List.of(a, b));

        assertThat(page).contains("2 training runs", "subset.placement", "mixer.layers", ">REG<", ">MaskAlign<");
        String differences = page.substring(page.indexOf(">Settings<"), page.indexOf("that all runs have in common"));
        assertThat(differences).doesNotContain("optim.lr", "train.steps");
        String loss = page.substring(page.indexOf("aria-label=\"Loss over steps\""));
        assertThat(loss.substring(0, loss.indexOf("</svg></svg>"))).contains("class=\"line r0\"", "class=\"line r1\"");
        parse(page);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "SiT;             align.enabled=false,cls.enabled=false,encoder.kind=NONE,mixer.layers=0,subset.placement=NONE,subset.ratio=0.0",
                "REPA;            cls.enabled=false,mixer.layers=0,subset.placement=NONE,subset.ratio=0.0",
                "REG;             mixer.layers=0,subset.placement=NONE,subset.ratio=0.0",
                "REPA + MaskAlign; cls.enabled=false",
                "REG, LOSS_ONLY;  mixer.layers=0,subset.placement=LOSS_ONLY",
                "iREPA;           method=irepa",
                "HASTE;           method=haste",
                "LayerSync;       method=layersync",
                "dispersive loss; method=dispersive",
                "CFM;             method=cfm",
                "SRA;             method=sra",
                "TREAD;           method=tread",
                "SPRINT;          method=sprint",
                "MaskDiT;         method=maskdit",
                "MicroDiT;        method=microdit",
                "REPA + CFM;      method=repa,terms.contrastive={coeff: 0.1}"
            })
    void methodsHaveTheirNames(String name, String overrides) throws Exception {
        Path run = run("run", List.of(overrides.split(",")));

        assertThat(ReportedRun.read(run, "run", 6).facts().method()).isEqualTo(name.strip());
    }

    @Test
    void damagedRecordsAreCountedAndNothingBreaks() throws Exception {
        Path run = run("broken", List.of());
        Files.writeString(run.resolve("stats.jsonl"), """
                {"step":1,"loss":2.0,"seconds":0.5}
                {"step":2,"loss":"NaN","seconds":0.5}
                not json
                {"step":3,"loss":1.0,"seconds":0.5}
                {"step":3,"loss":1.5,"seconds":0.5}
                {"step":4,"loss":"Infinity","seconds":0.5}
                {"loss":7}
                {"step":5,"lo""");

        StatsFile stats = StatsFile.read(run.resolve("stats.jsonl"));
        String page = page(List.of(run));

        assertThat(stats.damaged()).isEqualTo(3);
        assertThat(stats.curves().get("loss").values()[2]).isEqualTo(1.5); // the last of step 3
        assertThat(page).contains("3 lines of stats.jsonl are no records");
        assertThat(page.substring(page.indexOf("Losses"))).doesNotContain("NaN", "Infinity");
        parse(page);
    }

    @Test
    void aRunThatHasJustBegunHasAPageToo() throws Exception {
        String page = page(List.of(run("fresh", List.of())));

        assertThat(page)
                .contains("0 of 700", "Nothing has been recorded yet", "have not been evaluated", "No pictures yet");
        parse(page);
    }

    @Test
    void metricsOfTheTrainingAreDrawnWithTheirErrors() throws Exception {
        Path run = run("scored", List.of());
        Files.writeString(run.resolve("stats.jsonl"), """
                {"step":10,"eval/frechet":50.0,"eval/frechet_se":2.0}
                {"step":20,"eval/frechet":30.0,"eval/frechet_se":1.0,"eval/samples":300,"eval/seconds":4.5}
                """);

        String page = page(List.of(run));

        Element chart = chart(parse(page), "Fréchet distance (not FID), embedded teacher over steps");
        assertThat(chart.getElementsByTagName("circle").getLength()).isEqualTo(2);
        assertThat(page).doesNotContain("frechet", "_se", ">samples<", ">seconds<");
    }

    @Test
    void textsOfOthersAreShownAndNotObeyed() throws Exception {
        Path run = run("a&b <i>'x'", List.of());
        Files.writeString(run.resolve("ATTRIBUTION.txt"), "<script>alert(\"1\")</script>\u0007");

        String page = page(List.of(run));

        assertThat(page).doesNotContain("<script", "<i>").contains("a&amp;b &lt;i&gt;&#39;x&#39;");
        parse(page);
    }

    @Test
    void longRunsStaySmall() throws Exception {
        Path run = run("long", List.of());
        stats(run, 60_000);

        assertThat(page(List.of(run)).length()).isLessThan(400_000);
    }

    @Test
    void runsOfOneNameAreToldApart() throws Exception {
        Path a = run("x/same", List.of());
        Path b = run("y/same", List.of());

        Path file = folder.resolve("page.html");
        RunReport.read(List.of(a, b), List.of(), 6).withoutGroups().writePage(file, null, MADE);

        assertThat(Files.readString(file)).contains("same</th>", "same (2)</th>");
    }

    @Test
    void chartsAreWrittenAsPictures() throws Exception {
        Path run = run("drawn", List.of());
        stats(run, 30);

        List<Path> files = RunReport.read(List.of(run), List.of(), 6).writeCharts(folder.resolve("charts"));

        assertThat(files).extracting(f -> f.getFileName().toString()).contains("loss.png", "pictures-a-second.png");
        assertThat(files).allSatisfy(file -> assertThat(Files.size(file)).isGreaterThan(1000));
    }

    @Test
    void whatIsNoRunOrNoResultIsNamed() throws Exception {
        Path run = run("fine", List.of());
        Path other = Files.writeString(folder.resolve("other.json"), "{\"metrics\": []}");

        assertThatThrownBy(() -> RunReport.read(List.of(folder), List.of(), 6))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("no run in this folder");
        assertThatThrownBy(() -> RunReport.read(List.of(run), List.of(other), 6))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("other.json: is no result of 'maskalign evaluate --out'");
    }

    @Test
    void filesThatAreNotWhatTheirNamesSayAreNamed() throws Exception {
        Path run = run("odd", List.of());
        Path text = Files.writeString(folder.resolve("text.json"), "no json");
        Path latin = Files.write(folder.resolve("latin.json"), new byte[] {'"', (byte) 0xE9, '"'});

        for (Path result : List.of(text, latin, folder)) {
            assertThatThrownBy(() -> RunReport.read(List.of(run), List.of(result), 6))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageStartingWith(result + ": is ")
                    .hasMessageEndingWith("no result of 'maskalign evaluate --out'");
        }
        Files.write(run.resolve("provenance.json"), new byte[] {(byte) 0xE9});
        assertThat(page(List.of(run))).contains("\uFFFD");
    }

    @Test
    void onlyPreviewsAreTakenForPreviews() throws Exception {
        Path run = run("drawn", List.of());
        stats(run, 30);
        picture(run.resolve("samples-0000010.png"), 4);
        picture(run.resolve("samples-7.png"), 4); // of 'sample --seed 7'
        picture(run.resolve("samples-99999999999999999999.png"), 4);

        assertThat(ReportedRun.read(run, "a", 6).grids())
                .extracting(ReportedRun.Grid::step)
                .containsExactly(10L);
    }

    private String page(List<Path> runs) throws IOException {
        Path file = folder.resolve("page.html");
        RunReport.read(runs, List.of(), 6).writePage(file, null, MADE);
        return Files.readString(file);
    }

    private Path run(String name, List<String> overrides) throws IOException {
        Path run = Files.createDirectories(folder.resolve(name));
        RunConfig config =
                ConfigBinder.bind(QUICKSTART, overrides, RunConfig.class).value();
        Files.writeString(run.resolve("config.yaml"), ConfigWriter.yaml(config));
        return run;
    }

    private static void stats(Path run, int steps) throws IOException {
        List<String> lines = new ArrayList<>();
        for (int step = 1; step <= steps; step++) {
            lines.add(String.format(
                    Locale.ROOT,
                    "{\"step\":%d,\"loss\":%.4f,\"loss/velocity\":%.4f,\"grad_norm\":%.3f,\"seconds\":0.5,"
                            + "\"skipped\":0,\"memory/resident_mb\":900.5}",
                    step,
                    1 + Math.sin(step) / step,
                    2.0 / step,
                    0.5 + 1.0 / step));
        }
        Files.write(run.resolve("stats.jsonl"), lines);
    }

    private static void picture(Path file, int side) throws IOException {
        PictureWriter.write(file, Picture.of(side, side, new byte[side * side * 3]), PictureWriter.Packing.DEFLATED);
    }

    private static String evaluation(String title, String warning) {
        return """
                {"metrics": {"fid": {"title": "%s", "value": 12.5, "error": 0.25, "error_is": "jackknife"}},
                 "samples": {"path": "samples.npz"}, "features": {"name": "emoji teacher", "is_inception": false},
                 "warnings": ["%s"]}
                """.formatted(title, warning);
    }

    /** The page is well-formed, which a browser would hide. */
    private static Document parse(String page) throws Exception {
        return DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new ByteArrayInputStream(page.getBytes(StandardCharsets.UTF_8)));
    }

    private static Element chart(Document page, String label) {
        NodeList charts = page.getElementsByTagName("svg");
        for (int i = 0; i < charts.getLength(); i++) {
            Element chart = (Element) charts.item(i);
            if (chart.getAttribute("aria-label").equals(label)) {
                return chart;
            }
        }
        throw new AssertionError("no chart " + label);
    }
}
