package io.github.maskalign.sit.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.analysis.Measured;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureWriter;
import io.github.maskalign.examples.ChildJvm;
import io.github.maskalign.examples.CommandRun;
import io.github.maskalign.examples.Main;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ComparisonTest {
    private static final List<String> RESULTS = List.of("results.json", "results.csv");

    @TempDir
    Path folder;

    private final CommandRun command = new CommandRun();

    @Test
    void twoVariantsOverSeedsBecomeOneTable() throws Exception {
        Path plan = plan("[0, 1, 2]", "STEPS", 4);
        Path out = folder.resolve("out");
        assertThat(command.run("compare", plan, "--out=" + out, "--plan-only"))
                .as(command.err())
                .isZero();
        assertThat(command.out()).contains("sit-seed0", "mask-seed1", "0 of 6 cells are finished");
        assertThat(out).as("looking writes nothing").doesNotExist();

        assertThat(command.run("compare", plan, "--out=" + out))
                .as(command.err())
                .isZero();

        JsonObject results = JsonParser.parseString(Files.readString(out.resolve("results.json")))
                .getAsJsonObject();
        assertThat(results.get("baseline").getAsString()).isEqualTo("sit");
        JsonArray rows = results.getAsJsonArray("rows");
        List<JsonObject> fd = new ArrayList<>();
        for (JsonElement row : rows) {
            if (row.getAsJsonObject().get("score").getAsString().equals("eval/fd_embedded_teacher")) {
                fd.add(row.getAsJsonObject());
            }
        }
        assertThat(fd).extracting(row -> row.get("variant").getAsString()).containsExactly("sit", "mask");
        double[] sit = bySeed(fd.get(0));
        double[] mask = bySeed(fd.get(1));
        JsonObject difference = fd.get(1).getAsJsonObject("difference");
        double[] apart = {mask[0] - sit[0], mask[1] - sit[1], mask[2] - sit[2]};
        double mean = DoubleStream.of(apart).sum() / 3;
        double variance =
                DoubleStream.of(apart).map(x -> (x - mean) * (x - mean)).sum() / 2;
        double half = 4.302652729911275 * Math.sqrt(variance / 3); // Student's t of 2 degrees
        assertThat(difference.get("n").getAsInt()).isEqualTo(3);
        assertThat(difference.get("mean").getAsDouble()).isCloseTo(mean, within(1e-9 * half));
        assertThat(difference.get("low").getAsDouble()).isCloseTo(mean - half, within(1e-9 * half));
        assertThat(difference.get("high").getAsDouble()).isCloseTo(mean + half, within(1e-9 * half));
        JsonObject power = fd.get(1).getAsJsonObject("power");
        double sd = difference.get("sd").getAsDouble();
        assertThat(power.get("detectable").getAsDouble()).isEqualTo(Measured.detectable(3, sd, 0.05, 0.8));
        assertThat(power.get("seedsNeeded").getAsInt()).isEqualTo(Measured.seedsNeeded(mean, sd, 0.05, 0.8));
        assertThat(fd.get(0).get("protocol").getAsString()).matches("[0-9a-f]{12}");
        assertThat(Files.readString(out.resolve("cells/sit-seed0/protocols.json")))
                .contains(fd.get(0).get("protocol").getAsString(), "\"equation\": \"ODE\"", "\"labels\": \"random\"");
        assertThat(Files.readString(out.resolve("comparison.html")))
                .contains("<h2>Comparison</h2>", "embedded teacher over TFLOP of the model", "minutes of training")
                .contains("data:image/jpeg;base64", "<a href=\"cells/mask-seed1/samples.png\">")
                .doesNotContain("data:image/png");

        // whatever the grids are, the page stays small; noise is what no file format packs
        byte[] noise = new byte[3 * 1060 * 1188];
        new SplittableRandom(1).nextBytes(noise);
        try (Stream<Path> cells = Files.list(out.resolve("cells"))) {
            for (Path cell : cells.toList()) {
                PictureWriter.write(
                        cell.resolve("samples.png"), Picture.of(1060, 1188, noise), PictureWriter.Packing.STORED);
            }
        }
        assertThat(command.run("compare", plan, "--out=" + out, "--report-only"))
                .as(command.err())
                .isZero();
        assertThat(out.resolve("comparison.html")).isNotEmptyFile();
        assertThat(Files.size(out.resolve("comparison.html"))).isLessThan(5_000_000);

        // a finished comparison computes nothing, an added seed only its own cells
        byte[] before = Files.readAllBytes(out.resolve("cells/mask-seed1/cell.json"));
        plan("[0, 1, 2, 3]", "STEPS", 4);
        assertThat(command.run("compare", plan, "--out=" + out, "--plan-only")).isZero();
        assertThat(command.out()).contains("6 of 8 cells are finished", "hours of one process are left");
        assertThat(command.run("compare", plan, "--out=" + out))
                .as(command.err())
                .isZero();
        assertThat(Files.readAllBytes(out.resolve("cells/mask-seed1/cell.json")))
                .isEqualTo(before);
        assertThat(Files.readString(out.resolve("results.csv"))).contains("\r\nmask,3,4,eval/fd_embedded_teacher,");

        // cells of another plan are never taken for its own
        plan("[0, 1]", "STEPS", 5);
        assertThat(command.run("compare", plan, "--out=" + out)).isEqualTo(2);
        assertThat(command.err()).contains("sit-seed0 was trained by another config than the plan has for sit-seed0");
    }

    private static double[] bySeed(JsonObject row) {
        return row.getAsJsonObject("bySeed").entrySet().stream()
                .mapToDouble(entry -> entry.getValue().getAsDouble())
                .toArray();
    }

    @Test
    void equalOperationsGiveTheSparseVariantMoreSteps() throws Exception {
        Path plan = plan("[0]", "FLOPS", 10);

        assertThat(command.run("compare", plan, "--out=" + folder.resolve("out"), "--plan-only"))
                .as(command.err())
                .isZero();

        String[] sit = line("sit-seed0").split(" +");
        String[] mask = line("mask-seed0").split(" +");
        assertThat(sit[2]).isEqualTo("10");
        assertThat(Integer.parseInt(mask[2])).isGreaterThan(10);
        assertThat(Double.parseDouble(mask[3]))
                .isCloseTo(Double.parseDouble(sit[3]), within(0.06 * Double.parseDouble(sit[3]) + 1e-3));
    }

    private String line(String cell) {
        return command.out()
                .lines()
                .filter(line -> line.startsWith(cell))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void whatIsWrongWithAPlanIsToldBeforeAnythingIsTrained() throws Exception {
        Path plan = Files.writeString(
                folder.resolve("plan.yaml"),
                "name: x\nbase: none.yaml\nvariants: [{name: a}, {name: a}]\nseeds: [1, 1]\nsteps: 3\n");
        assertThat(command.run("compare", plan, "--out=" + folder.resolve("out")))
                .isEqualTo(2);
        assertThat(command.err()).contains("seeds must be different but were [1, 1]");
        Files.writeString(plan, "name: x\nbase: none.yaml\nvariants: [{name: a}]\nseeds: [1]\nsteps: 3\nbaseline: b\n");
        assertThat(command.run("compare", plan, "--out=" + folder.resolve("out")))
                .isEqualTo(2);
        assertThat(command.err()).contains("baseline must be one of the variants [a] but was 'b'");
        Files.writeString(plan, "name: x\nbase: none.yaml\nvariants: [{name: a}]\nseeds: [1]\nsteps: 3\n");
        assertThat(command.run("compare", plan, "--out=" + folder.resolve("out")))
                .isEqualTo(2);
        assertThat(command.err()).contains("none.yaml");
        assertThat(folder.resolve("out")).doesNotExist();
    }

    @Test
    @Tag("slow")
    void killedTenTimesItWritesTheSameBytesAndTwoProcessesShareIt() throws Exception {
        SplittableRandom random = new SplittableRandom(Long.getLong("test.seed", 20260608L));
        Path plan = plan("[0, 1]", "STEPS", 30);
        Path whole = folder.resolve("whole");
        long began = System.nanoTime();
        assertThat(start(plan, whole).waitFor()).isZero();
        long took = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began); // machines differ

        Path killed = folder.resolve("killed");
        int kills = 0;
        for (int i = 0; i < 200 && kills < 10; i++) {
            Process process = start(plan, killed);
            if (!process.waitFor(random.nextLong(took / 20, took / 8), TimeUnit.MILLISECONDS)) {
                process.destroyForcibly().waitFor();
                kills++;
            } else {
                break;
            }
        }
        assertThat(kills).isEqualTo(10);
        assertThat(start(plan, killed).waitFor()).isZero();
        for (String file : RESULTS) {
            assertThat(killed.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
        }

        Path shared = folder.resolve("shared");
        List<Process> both = List.of(start(plan, shared), start(plan, shared));
        for (Process process : both) {
            assertThat(process.waitFor()).isZero();
        }
        for (String file : RESULTS) {
            assertThat(shared.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
        }
        try (Stream<Path> cells = Files.list(shared.resolve("cells"))) {
            assertThat(cells).hasSize(4);
        }
    }

    private Process start(Path plan, Path out) throws IOException {
        return ChildJvm.builder(Main.class, "compare", plan.toString(), "--out=" + out)
                .redirectErrorStream(true)
                .redirectOutput(
                        folder.resolve("said-" + System.nanoTime() + ".txt").toFile())
                .start();
    }

    private Path plan(String seeds, String equal, int steps) throws IOException {
        return Files.writeString(folder.resolve("plan.yaml"), """
                name: tiny
                base: %s
                set: ["data.sets=[fxemoji]", data.cache=%s, model.hiddenSize=24, model.patchSize=4, model.depth=4, model.numHeads=2,
                      encoder.kind=NONE, align.enabled=false, cls.enabled=false, mixer.layers=0, subset.placement=NONE,
                      train.globalBatch=8, train.saveEvery=5, runtime.logEvery=1, runtime.previewPictures=4, sample.steps=2,
                      evaluate.samples=32, evaluate.steps=2, evaluate.referencePictures=64, "evaluate.metrics=[fid, kid]"]
                variants:
                  - {name: sit}
                  - {name: mask, set: [subset.placement=DROP, subset.ratio=0.5]}
                seeds: %s
                steps: %d
                equal: %s
                evaluations: 2
                """.formatted(
                        Path.of("..", "configs", "quickstart.yaml").toAbsolutePath(),
                        Path.of("target/emoji-cache").toAbsolutePath(),
                        seeds,
                        steps,
                        equal));
    }
}
