package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.data.PictureSets;
import io.github.maskalign.core.data.internal.CroppedPictures;
import io.github.maskalign.core.data.internal.PictureSet;
import io.github.maskalign.examples.ChildJvm;
import io.github.maskalign.examples.CommandRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** From pictures in folders to a page that compares methods and seeds. */
class OwnPicturesTest {
    @TempDir
    Path folder;

    private final CommandRun maskalign = new CommandRun();
    private Path pictures;

    @BeforeEach
    void draw() throws IOException {
        pictures = folder.resolve("my shapes");
        FolderTrainingTest.shapes(pictures, 20);
    }

    private void run(Object... args) {
        assertThat(maskalign.run(args))
                .as("%s: %s", List.of(args), maskalign.err())
                .isZero();
    }

    @Test
    void twoMethodsWithThreeSeedsBecomeOnePage() throws Exception {
        List<Path> runs = new ArrayList<>();
        for (String method : List.of("repa", "maskalign")) {
            Path config = folder.resolve("shapes-" + method + ".yaml");
            run("new-config", "--data", pictures, "--size", 32, "--method", method, "--out", config);
            for (int seed = 0; seed < 3; seed++) {
                Path run = folder.resolve(method + "-seed" + seed);
                run(
                        "train",
                        config,
                        "--out",
                        run,
                        "--steps=3",
                        "--set=seed=" + seed,
                        "--set=data.cache=" + folder.resolve("cache"),
                        "--set=model.hiddenSize=24",
                        "--set=model.depth=4",
                        "--set=model.numHeads=2",
                        "--set=train.globalBatch=8",
                        "--set=runtime.logEvery=1",
                        "--set=runtime.previewPictures=4",
                        "--set=sample.steps=2",
                        "--set=evaluate.every=0");
                runs.add(run);
            }
        }
        Path grid = folder.resolve("stars.png");
        run("sample", runs.get(5), "--labels=star", "--num=2", "--steps=2", "--out=" + grid);
        Path page = folder.resolve("page.html");
        List<Object> report = new ArrayList<>(List.of("report", "--out=" + page));
        report.addAll(runs);
        run(report.toArray());

        assertThat(grid).exists();
        assertThat(Files.readString(page)).contains("repa-seed0", "maskalign-seed2", "circle, star");
        try (Stream<Path> cached = Files.list(folder.resolve("cache"))) {
            assertThat(cached).as("one file serves all runs").hasSize(1);
        }
        assertThat(Files.readAllBytes(runs.get(0).resolve("snapshot-0000003.safetensors")))
                .isNotEqualTo(Files.readAllBytes(runs.get(1).resolve("snapshot-0000003.safetensors")));
    }

    @ParameterizedTest
    @CsvSource({"sit, 16, SiT", "repa, 64, REPA", "reg, 128, REG", "maskalign, 256, MaskAlign"})
    void eachConfigBindsAndSaysWhatItChose(String method, int size, String title) throws Exception {
        Path config = folder.resolve("mine.yaml");
        run("new-config", "--data", pictures, "--size", size, "--method", method, "--out", config);

        String text = Files.readString(config);
        assertThat(text)
                .startsWith("# " + title + " on 40 pictures in 2 classes at " + size + " pixels.")
                .contains("numClasses: 2 # circle 20, star 20", "pictures of 20 to 58 pixels (40 looked at")
                .contains("globalBatch: " + (size < 128 ? 32 : 16), "--labels circle,star")
                .doesNotContain("{{");
        run("train", config, "--dry-run");
        assertThat(maskalign.err()).isEmpty();
        run("info", config);
        assertThat(maskalign.out()).contains("\"family\": \"" + method + "\"");
    }

    @Test
    void aHandfulOfPicturesIsTakenWithANote() throws Exception {
        pictures = folder.resolve("few");
        FolderTrainingTest.shapes(pictures, 3);
        Path config = folder.resolve("few.yaml");
        run("new-config", "--data", pictures, "--size", 32, "--out", config);

        assertThat(maskalign.out()).contains("note: below about 100 pictures a model learns them by heart");
        assertThat(Files.readString(config))
                .contains("globalBatch: 4 # the largest power of 2 among 6 pictures")
                .contains("every: 0 # 0 for none, as 6 pictures are too few");
    }

    @Test
    void withoutPicturesItIsForTheEmoji() throws Exception {
        Path config = folder.resolve("a.yaml");
        run("new-config", "--size=32", "--out", config);

        run("train", config, "--dry-run");
        assertThat(maskalign.out()).contains("kind: EMOJI", "numClasses: 8");
    }

    @Test
    void aFileThatIsThereStaysUnlessForced() throws Exception {
        Path config = Files.writeString(folder.resolve("mine.yaml"), "precious");
        Object[] command = {"new-config", "--data", pictures, "--out", config};

        assertThat(maskalign.run(command)).isEqualTo(2);
        assertThat(maskalign.err()).contains("mine.yaml is there already", "--force");
        assertThat(Files.readString(config)).isEqualTo("precious");
        run("new-config", "--data", pictures, "--out", config, "--force");
        assertThat(Files.readString(config)).contains("name: mine #");
    }

    @ParameterizedTest
    @ValueSource(strings = {"8", "65", "528", "0", "-16"})
    void otherSidesAreRefused(String size) {
        assertThat(maskalign.run("new-config", "--size=" + size, "--out=" + folder.resolve("a.yaml")))
                .isEqualTo(2);
        assertThat(maskalign.err()).contains("--size must be a multiple of 16 in [16, 512] but was " + size);
    }

    @Test
    void wrongPicturesAreNamedAndNothingIsWritten() throws Exception {
        Path config = folder.resolve("a.yaml");
        Files.createDirectories(pictures.resolve("void"));

        assertThat(maskalign.run("new-config", "--data", pictures, "--out", config))
                .isEqualTo(2);
        assertThat(maskalign.err()).contains("the class void has no");
        assertThat(maskalign.run("new-config", "--data", folder.resolve("none"), "--out", config))
                .isEqualTo(2);
        assertThat(config).doesNotExist();
    }

    /** Decodes pictures and ends the JVM as a kill does, at one of them. */
    public static final class Killed {
        private Killed() {}

        public static void main(String[] args) throws IOException {
            Path source = Path.of(args[0]);
            int last = Integer.parseInt(args[2]);
            try (PictureSet set = PictureSets.open(source)) {
                CroppedPictures.open(source, set, 16, Path.of(args[1]), (done, total) -> {
                    if (done == last) {
                        Runtime.getRuntime().halt(137);
                    }
                });
            }
        }
    }

    @Test
    void aKilledDecodingLeavesNothingAndTheNextIsWhole() throws Exception {
        Path whole = folder.resolve("whole");
        decode(whole, 0);
        Path cache = folder.resolve("cache");
        for (int last : new int[] {1, 25, 40}) {
            assertThat(decode(cache, last)).isEqualTo(137);
            assertThat(files(cache)).isEmpty();
        }
        assertThat(decode(cache, 0)).isZero();

        assertThat(files(cache)).hasSize(1).hasSameSizeAs(files(whole));
        assertThat(files(cache).get(0)).hasSameBinaryContentAs(files(whole).get(0));
    }

    private int decode(Path cache, int last) throws Exception {
        Process process = ChildJvm.start(Killed.class, pictures.toString(), cache.toString(), Integer.toString(last));
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return process.exitValue();
    }

    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.toList();
        }
    }
}
