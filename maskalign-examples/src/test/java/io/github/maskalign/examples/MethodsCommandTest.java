package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.config.ConfigPresets.Preset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class MethodsCommandTest {
    private final CommandRun maskalign = new CommandRun();

    @TempDir
    Path folder;

    static List<String> methods() {
        return RunOptions.METHODS.names();
    }

    @Test
    void eachMethodHasALine() {
        assertThat(maskalign.run("methods")).isZero();

        assertThat(maskalign.out().lines().map(line -> line.split(" ")[0])).containsExactlyElementsOf(methods());
        assertThat(maskalign.out()).contains("arXiv 2606.08788");
    }

    @Test
    void aMethodIsShownWithTheValuesOfEachSize() {
        assertThat(maskalign.run("methods", "IREPA")).isZero();

        assertThat(maskalign.out())
                .startsWith("irepa: REPA with a convolution")
                .containsSubsequence(
                        "  align.projector: CONV", "with model.depth 12", "  align.depth: 4", "with model.depth 28");
        assertThat(maskalign.run("methods", "haster")).isEqualTo(2);
        assertThat(maskalign.err()).contains("--method must be one of sit, repa,", "but was \"haster\"");
    }

    @Test
    void dryRunPrintsTheMethodAndTheWholeConfig() throws Exception {
        assertThat(maskalign.run(
                        "train",
                        "../configs/emoji-32.yaml",
                        "--method=cfm",
                        "--set=terms.contrastive.coeff=0.1",
                        "--dry-run"))
                .as(maskalign::err)
                .isZero();
        String said = maskalign.out();
        assertThat(said)
                .startsWith("# method cfm: ")
                .contains("#   terms.contrastive.coeff: 0.1\n", "\nname: emoji-32-cfm\n");

        Path written = Files.writeString(folder.resolve("resolved.yaml"), said);
        assertThat(maskalign.run("train", written, "--dry-run")).isZero();
        assertThat(maskalign.out()).isEqualTo(said.substring(said.indexOf("name: ")));
    }

    @Test
    void infoHasTheMethodAndWhatItsKeysCameTo() {
        assertThat(maskalign.run(
                        "info", "../configs/imagenet-sit-xl-2.yaml", "--method=repa", "--set=align.coeff=0.25"))
                .isZero();
        JsonObject method =
                JsonParser.parseString(maskalign.out()).getAsJsonObject().getAsJsonObject("method");
        assertThat(method.get("id").getAsString()).isEqualTo("repa");
        JsonObject settings = method.getAsJsonObject("settings");
        assertThat(settings.get("align.depth").getAsString()).isEqualTo("8");
        assertThat(settings.get("align.coeff").getAsString()).isEqualTo("0.25");

        assertThat(maskalign.run("info", "../configs/folder-64.yaml")).isZero();
        assertThat(JsonParser.parseString(maskalign.out()).getAsJsonObject().has("method"))
                .isFalse();
    }

    @ParameterizedTest
    @CsvSource({
        "imagenet-sit-b-2-maskalign, imagenet-sit-b-2, maskalign",
        "imagenet-sit-l-2-repa-maskalign, imagenet-sit-l-2, repa-maskalign",
        "imagenet-512-sit-xl-2-sit, imagenet-512-sit-xl-2, sit",
        "emoji-32-reg, emoji-32-lab, reg"
    })
    void namesOfOldConfigsLeadToTheCommandOfToday(String old, String base, String method) {
        assertThat(maskalign.run("train", "../configs/" + old + ".yaml", "--dry-run"))
                .isEqualTo(2);
        assertThat(maskalign.err())
                .contains(
                        "../configs/" + old + ".yaml does not exist",
                        "use ../configs/" + base + ".yaml --method " + method);
    }

    @Test
    void otherConfigsThatDoNotExistAreOnlySaidNotTo() {
        assertThat(maskalign.run("info", "../configs/nothing-repa.yaml")).isEqualTo(2);
        assertThat(maskalign.err())
                .contains("nothing-repa.yaml: the config does not exist")
                .doesNotContain("--method");
    }

    @Test
    void anOwnConfigWithSuchANameIsRead() throws Exception {
        Path own = folder.resolve("mine-repa.yaml");
        Files.copy(Path.of("..", "configs", "emoji-32.yaml"), own);
        Files.copy(own, folder.resolve("mine.yaml"));

        assertThat(maskalign.run("info", own)).as(maskalign::err).isZero();
    }

    /** Configs of pixels, which repa-e does not train on. */
    static List<String> methodsOfPixels() {
        return methods().stream().filter(method -> !method.equals("repa-e")).toList();
    }

    @Test
    void newConfigRefusesAMethodThatNeedsAnAutoencoder() {
        Path file = folder.resolve("a.yaml");

        assertThat(maskalign.run("new-config", "--size=64", "--method=repa-e", "--out", file))
                .isEqualTo(2);
        assertThat(maskalign.err()).contains("terms.endToEnd trains an autoencoder", "choose data.space LATENTS");
        assertThat(file).doesNotExist();
    }

    @ParameterizedTest
    @MethodSource("methodsOfPixels")
    void newConfigWritesAConfigOfEachMethod(String method) {
        Path file = folder.resolve("a.yaml");

        assertThat(maskalign.run("new-config", "--size=64", "--method", method, "--out", file))
                .as(maskalign::err)
                .isZero();
        assertThat(maskalign.run("info", file)).as(maskalign::err).isZero();
        JsonObject info = JsonParser.parseString(maskalign.out()).getAsJsonObject();
        assertThat(info.getAsJsonObject("method").get("id").getAsString()).isEqualTo(method);
        assertThat(info.get("name").getAsString()).isEqualTo("a");
    }

    @ParameterizedTest
    @CsvSource({"32, 2, 4", "128, 2, 4", "64, 16, 12"})
    void newConfigHasAsManyBlocksAsTheMethodKnows(int side, int cores, int depth) throws Exception {
        Map<String, String> block = Map.of("terms.layerSync.block", "1");
        Preset preset =
                new Preset("layersync", "it", "a paper", Map.of("encoder.kind", "NONE"), Map.of(4, block, 12, block));

        String text = new ConfigDraft("a", preset, side, cores, PictureSurvey.emoji()).yaml(Path.of("a.yaml"));

        assertThat(text).contains("\n  depth: " + depth + "\n", "\nmethod: layersync\n", "kind: NONE");
    }
}
