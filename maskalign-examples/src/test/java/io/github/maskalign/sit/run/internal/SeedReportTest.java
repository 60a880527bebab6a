package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigWriter;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Reports of runs that differ in their seeds. */
class SeedReportTest {
    private static final Path EMOJI = Path.of("..", "configs", "emoji-32.yaml");
    private static final String[] REG = {"mixer.layers=0", "subset.placement=NONE", "subset.ratio=0.0"};

    @TempDir
    Path folder;

    @Test
    void theDeviationIsThatOfASample() {
        Spread spread = Spread.of(DoubleStream.of(2, 4, 9, Double.NaN));

        assertThat(spread.count()).isEqualTo(3);
        assertThat(spread.mean()).isEqualTo(5);
        assertThat(spread.deviation()).isCloseTo(Math.sqrt((9 + 1 + 16) / 2.0), within(1e-15)); // n - 1 = 2
        assertThat(spread.text()).isEqualTo("5\u00A0±\u00A03.6");
        assertThat(Spread.of(DoubleStream.of(4)).text()).isEqualTo("4");
        assertThat(Spread.of(DoubleStream.empty()).text()).isEqualTo("–");
    }

    @Test
    void runsThatDifferInSeedAndNameAreOneGroup() throws Exception {
        List<RunGroup> groups =
                groups(run("mask-s0", 0), run("reg-s0", 0, REG), run("mask-s1", 1), run("reg-s1", 1, REG));

        assertThat(groups).extracting(RunGroup::label).containsExactly("MaskAlign", "REG");
        assertThat(groups.get(0).runs()).extracting(ReportedRun::label).containsExactly("mask-s0", "mask-s1");
        assertThat(groups.get(1).seeds()).containsExactly(0L, 1L);
        assertThat(RunGroup.differing(groups)).containsExactly("mixer.layers", "subset.placement", "subset.ratio");
    }

    /** However the file is written: comments, order and what is left out do not matter. */
    @Test
    void settingsAreComparedAndNotTexts() throws Exception {
        Path a = run("a", 0);
        Path b = run("b", 1);
        String yaml = Files.readString(b.resolve("config.yaml"));
        assertThat(yaml).contains("  lr: 0.001\n");
        Files.writeString(b.resolve("config.yaml"), "# mine\n" + yaml.replace("  lr: 0.001\n", "  lr: 1.0e-3\n"));
        assertThat(groups(a, b)).hasSize(1);

        Files.writeString(b.resolve("config.yaml"), yaml.replace("  lr: 0.001\n", "  lr: 0.002\n"));
        assertThat(groups(a, b)).hasSize(2);
    }

    @Test
    void groupsOfOneMethodAreNamedByWhatDiffers() throws Exception {
        List<Path> runs = new ArrayList<>();
        for (int seed = 0; seed < 2; seed++) {
            runs.add(run("half-" + seed, seed, "subset.ratio=0.5"));
            runs.add(run("quarter-" + seed, seed, "subset.ratio=0.25"));
        }

        assertThat(groups(runs)).extracting(RunGroup::label).containsExactly("subset.ratio=0.5", "subset.ratio=0.25");
        runs.add(run("reg", 0, REG));
        assertThat(groups(runs))
                .extracting(RunGroup::label)
                .containsExactly("MaskAlign, subset.ratio=0.5", "MaskAlign, subset.ratio=0.25", "REG");
    }

    @ParameterizedTest
    @CsvSource({
        "wide-seed3, wide",
        "wide_s12, wide",
        "wide.seed-4, wide",
        "v2, v2",
        "vits8, vits8",
        "wide-3, wide-3",
        "seed7, emoji-32"
    })
    void oneGroupHasTheNameOfItsRunsWithoutTheSeed(String name, String label) throws Exception {
        List<RunGroup> groups = groups(run(name, 1), run("other", 2));

        assertThat(groups).extracting(RunGroup::label).containsExactly(label);
    }

    @Test
    void runsWithoutCompanionsKeepTheirNames() throws Exception {
        assertThat(groups(run("one", 0), run("two", 0, REG)))
                .extracting(RunGroup::label)
                .containsExactly("one", "two");
    }

    @Test
    void thePageShowsMeansBandsAndTheRunsBehindThem() throws Exception {
        Path a = scored("mask-s0", 0, 10, 8, 5);
        Path b = scored("mask-s1", 1, 10, 10);
        Path reg = run("reg", 0, REG);
        Files.writeString(reg.resolve("stats.jsonl"), score(2, 12));

        String page = page(RunReport.read(List.of(a, b, reg), List.of(), 0));

        assertThat(page).contains("3 training runs in 2 groups", "MaskAlign, REG</h1>");
        assertThat(page)
                .as("step 2 is the last that all have, and 9 the best")
                .contains("<td class=\"best\">9\u00A0±\u00A01.4\u00A0<span class=\"quiet\">(2)</span>\u00A0★</td>")
                .contains("<td>12</td>", "<span class=\"quiet\">step 2</span>");
        String single = page.substring(page.indexOf("Scores of each run"));
        assertThat(single.substring(0, single.indexOf("</details>")))
                .contains("mask-s0, seed 0", "<td>8</td>", "mask-s1, seed 1", "<td>10</td>");
        assertThat(count(page, "class=\"band r0\""))
                .as("only the group of two has a band")
                .isOne();
        assertThat(page).doesNotContain("class=\"band r1\"").contains("(n\u00A0=\u00A02)");
        String settings = page.substring(page.indexOf(">Settings<"), page.indexOf(">Losses<"));
        String differing = settings.substring(0, settings.indexOf("that all runs have in common"));
        assertThat(differing).contains("subset.placement").doesNotContain("optim.lr", "seed", "name");
        assertThat(count(settings, "optim.lr = ")).isOne();
        assertThat(settings).doesNotContain("\nseed = ", "\nname = ");
    }

    @Test
    void withoutGroupsEachRunHasItsLine() throws Exception {
        RunReport report = RunReport.read(List.of(scored("s0", 0, 3, 1), scored("s1", 1, 4, 2)), List.of(), 0);

        assertThat(report.summary()).isEqualTo("2 training runs in one group");
        assertThat(report.withoutGroups().summary()).isEqualTo("2 training runs");
        assertThat(page(report.withoutGroups()))
                .contains("class=\"line r0\"", "class=\"line r1\"")
                .doesNotContain("class=\"band", "Scores of each run", "sample standard deviation");
    }

    @Test
    void eachWarningIsThereOnceWithAllItConcerns() throws Exception {
        List<Path> runs = new ArrayList<>();
        for (int seed = 0; seed < 3; seed++) {
            Path run = scored("run-s" + seed, Math.min(seed, 1), 5, 4);
            Files.writeString(run.resolve("stats.jsonl"), Files.readString(run.resolve("stats.jsonl")) + "no record\n");
            Files.writeString(run.resolve("evaluation.json"), result("fid", false, "few samples, and fid is far"));
            runs.add(run);
        }

        String page = page(RunReport.read(runs, List.of(), 0));

        assertThat(count(page, "few samples")).isOne();
        assertThat(page)
                .contains("run-s0, run-s1, run-s2: few samples, and fd_my_net is far")
                .contains("run-s0, run-s1, run-s2: 1 lines of stats.jsonl are no records")
                .contains("run-s1, run-s2: have one seed");
        assertThat(count(page, "have one seed")).isOne();
    }

    @Test
    void namesOfOlderFilesAreTodays() throws Exception {
        Path old = run("old", 0);
        Files.writeString(
                old.resolve("stats.jsonl"),
                "{\"step\":1,\"eval/frechet\":7.0,\"eval/frechet_se\":0.5,\"eval/kernel\":0.25,\"eval/precision\":0.5}\n"
                        + "{\"step\":2,\"eval/fd_embedded_teacher\":6.0,\"eval/fd_embedded_teacher_se\":0.5}\n");
        Files.writeString(old.resolve("evaluation.json"), result("fid", false, "w"));
        Path inception = run("inception", 1);
        Files.writeString(inception.resolve("stats.jsonl"), "{\"step\":1,\"eval/fid\":3.0,\"eval/is\":9.0}\n");
        Files.writeString(inception.resolve("evaluation.json"), result("fid", true, "fid w"));

        ReportedRun read = ReportedRun.read(old, "old", 0);
        ReportedRun other = ReportedRun.read(inception, "inception", 0);

        assertThat(read.stats().curves().keySet())
                .containsExactly(
                        "eval/fd_embedded_teacher",
                        "eval/fd_embedded_teacher_se",
                        "eval/kd_embedded_teacher",
                        "eval/precision");
        assertThat(read.stats()
                        .curves(List.of("eval/fd_embedded_teacher"))
                        .get(0)
                        .values())
                .as("a run that an older version began")
                .containsExactly(7, 6);
        assertThat(read.scores().get(0).scores().get(0).id()).isEqualTo("fd_my_net");
        assertThat(other.stats().curves().keySet()).containsExactly("eval/fid", "eval/is");
        assertThat(other.scores().get(0).scores().get(0).id()).isEqualTo("fid");
        assertThat(other.scores().get(0).warnings()).containsExactly("fid w");
        assertThat(page(RunReport.read(List.of(old), List.of(), 0)))
                .contains("Fréchet distance (not FID), embedded teacher", "Fréchet distance (not FID), my net")
                .doesNotContain(">FID<", "frechet");
    }

    @Test
    void resultsOfOtherProtocolsHaveColumnsOfTheirOwn() throws Exception {
        Path first = run("first", 1);
        Path second = run("second", 1);
        String result = result("fid", false, "w");
        Files.writeString(first.resolve("evaluation.json"), protocol(result, "0123456789ab"));
        Files.writeString(second.resolve("evaluation.json"), protocol(result, "0123456789ab"));
        assertThat(page(RunReport.read(List.of(first, second), List.of(), 0))).doesNotContain(", protocol ");

        Files.writeString(second.resolve("evaluation.json"), protocol(result, "ba9876543210"));
        assertThat(page(RunReport.read(List.of(first, second), List.of(), 0)))
                .contains("evaluation.json, protocol 0123456789ab", "evaluation.json, protocol ba9876543210");
    }

    private static String protocol(String result, String fingerprint) {
        String open = result.strip();
        return open.substring(0, open.length() - 1) + ",\"protocol\":{\"fingerprint\":\"" + fingerprint + "\"}}";
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "fid; FID",
                "sfid; sFID",
                "is; Inception Score",
                "kid; KID",
                "precision; Precision",
                "fd_dinov2_vit_b; Fréchet distance (not FID), dinov2 vit b",
                "kd_x; Kernel distance (not KID), x",
                "classifier_score_x; Classifier score (not Inception Score), x",
                "mine; mine"
            })
    void scoresHaveTheirNames(String id, String title) {
        assertThat(ScoreId.title(id)).isEqualTo(title);
    }

    @Test
    void csvHasALineForEachNumber() throws Exception {
        Path a = scored("a, \"b\"-s0", 0, 3, 1.5);
        Files.writeString(a.resolve("evaluation.json"), result("fid", true, "w"));
        Path b = run("b", 1);
        Files.writeString(b.resolve("stats.jsonl"), "{\"step\":1,\"time\":5.5,\"loss\":\"NaN\"}\n");
        Path file = folder.resolve("deep/numbers.csv");

        RunReport.read(List.of(a, b), List.of(), 0).writeCsv(file);

        assertThat(Files.readString(file).split("\r\n"))
                .containsExactly(
                        "group,run,seed,step,metric,value",
                        "\"a, \"\"b\"\"\",\"a, \"\"b\"\"-s0\",0,1,eval/fid,3",
                        "\"a, \"\"b\"\"\",\"a, \"\"b\"\"-s0\",0,2,eval/fid,1.5",
                        "\"a, \"\"b\"\"\",\"a, \"\"b\"\"-s0\",0,,evaluation.json/fid,12.5",
                        "\"a, \"\"b\"\"\",b,1,1,loss,NaN");
        assertThat(folder.resolve("deep"))
                .isDirectoryContaining(path -> path.equals(file))
                .isDirectoryNotContaining("glob:**tmp*");
    }

    @Test
    void jsonHasMeanDeviationAndNumberOfEachStep() throws Exception {
        Path file = folder.resolve("groups.json");

        RunReport.read(
                        List.of(scored("m-s0", 4, 3, 1), scored("m-s1", 5, 5), scored("reg", 4, 8), run("r", 7, REG)),
                        List.of(),
                        0)
                .writeJson(file);

        JsonArray groups =
                JsonParser.parseString(Files.readString(file)).getAsJsonObject().getAsJsonArray("groups");
        assertThat(groups).hasSize(2);
        JsonObject mask = groups.get(0).getAsJsonObject();
        assertThat(mask.get("n").getAsInt()).isEqualTo(3);
        assertThat(mask.getAsJsonArray("members").get(1).toString())
                .isEqualTo("{\"run\":\"m-s1\",\"seed\":5,\"step\":1}");
        assertThat(mask.getAsJsonObject("settings").get("subset.placement").getAsString())
                .isEqualTo("DROP");
        JsonArray points = mask.getAsJsonObject("metrics").getAsJsonArray("eval/fid");
        JsonObject first = points.get(0).getAsJsonObject();
        assertThat(first.get("step").getAsLong()).isOne();
        assertThat(first.get("n").getAsInt()).isEqualTo(3);
        assertThat(first.get("mean").getAsDouble()).isCloseTo(16.0 / 3, within(1e-12));
        assertThat(first.get("sd").getAsDouble()).isCloseTo(Math.sqrt(38.0 / 6), within(1e-12)); // of 3, 5 and 8
        assertThat(points.get(1).toString()).isEqualTo("{\"step\":2,\"n\":1,\"mean\":1.0,\"sd\":null}");
    }

    private List<RunGroup> groups(Path... runs) throws IOException {
        return groups(List.of(runs));
    }

    private static List<RunGroup> groups(List<Path> runs) throws IOException {
        List<ReportedRun> read = new ArrayList<>();
        for (Path run : runs) {
            read.add(ReportedRun.read(run, String.valueOf(run.getFileName()), 0));
        }
        return RunGroup.of(read);
    }

    private String page(RunReport report) throws IOException {
        Path file = folder.resolve("page.html");
        report.writePage(file, null, Instant.EPOCH);
        return Files.readString(file);
    }

    /** A run with a score at step 1, 2, ... */
    private Path scored(String name, long seed, double... scores) throws IOException {
        Path run = run(name, seed);
        StringBuilder stats = new StringBuilder();
        for (int i = 0; i < scores.length; i++) {
            stats.append(score(i + 1, scores[i]));
        }
        Files.writeString(run.resolve("stats.jsonl"), stats);
        return run;
    }

    private static String score(int step, double value) {
        return "{\"step\":" + step + ",\"eval/fid\":" + value + "}\n";
    }

    private Path run(String name, long seed, String... more) throws IOException {
        Path run = Files.createDirectories(folder.resolve(name));
        List<String> overrides =
                Stream.concat(Stream.of("seed=" + seed), Arrays.stream(more)).toList();
        RunConfig config = ConfigBinder.bind(EMOJI, overrides, RunConfig.class).value();
        Files.writeString(run.resolve("config.yaml"), ConfigWriter.yaml(config));
        return run;
    }

    private static String result(String id, boolean inception, String warning) {
        return """
                {"metrics": {"%s": {"title": "t", "value": 12.5, "error": 0.25, "error_is": "jackknife"}},
                 "samples": {"path": "samples.npz"}, "features": {"name": "my net", "is_inception": %b},
                 "warnings": ["%s"]}
                """.formatted(id, inception, warning);
    }

    private static long count(String text, String part) {
        Matcher matcher = Pattern.compile(Pattern.quote(part)).matcher(text);
        return matcher.results().count();
    }
}
