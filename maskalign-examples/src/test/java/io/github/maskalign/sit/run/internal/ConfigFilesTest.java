package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.config.ConfigException;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.weights.ModelSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigFilesTest {
    private static final Path FOLDER = Path.of("..", "configs");

    static Stream<Path> files() throws IOException {
        try (Stream<Path> files = Files.list(FOLDER)) {
            // the configs of teacher, judge, autoencoder and compressor are other records', and bound in their own
            // tests
            return files
                    .filter(f -> f.toString().endsWith(".yaml"))
                    .filter(f -> !f.toString().endsWith("-teacher.yaml")
                            && !f.toString().endsWith("-judge.yaml")
                            && !f.toString().endsWith("-compressor.yaml")
                            && !f.toString().endsWith("-autoencoder.yaml"))
                    .toList()
                    .stream();
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void bindsAndBuildsAndItsDumpIsTheSameConfig(Path file) {
        Bound<RunConfig> bound = ConfigBinder.bind(file, List.of(), RunConfig.class);

        ModelSummary summary = ModelSummary.of(bound.value());

        assertThat(file.getFileName().toString()).isEqualTo(bound.value().name() + ".yaml");
        assertThat(summary.parameters().get("total")).isPositive();
        assertThat(ConfigBinder.bindText(bound.yaml(), "dump", List.of(), RunConfig.class)
                        .value())
                .isEqualTo(bound.value());
    }

    @ParameterizedTest
    @MethodSource("files")
    void headerSaysPurposeCommandAndResult(Path file) throws IOException {
        String header = Files.readString(file).split("\n\n")[0];

        assertThat(header).contains("Purpose:", "Expected:", "scripts/maskalign train configs/" + file.getFileName());
    }

    @ParameterizedTest
    @CsvSource({
        "imagenet-sit-b-2, sit, 130500112, 130500112",
        "imagenet-sit-b-2, repa, 130500112, 137845008",
        "imagenet-sit-b-2, reg, 131683600, 139028496",
        "imagenet-sit-b-2, maskalign, 152940304, 160285200",
        "imagenet-sit-xl-2, sit, 675111184, 675111184",
        "imagenet-sit-xl-2, repa, 675111184, 683242512",
        "imagenet-sit-xl-2, reg, 676886032, 685017360",
        "imagenet-sit-xl-2, maskalign, 724696336, 732827664"
    })
    void paperConfigsHaveThePapersSizesAndSettings(String name, String family, long without, long with) {
        RunConfig config = load(name, family);

        ModelSummary summary = ModelSummary.of(config);

        assertThat(summary.family()).isEqualTo(family);
        assertThat(summary.parameters()).containsAllEntriesOf(Map.of("without_projector", without, "total", with));
        assertThat(summary.blockTokens())
                .isEqualTo(family.equals("maskalign") ? 193 : family.equals("reg") ? 257 : 256);
        assertThat(config.optim()).isEqualTo(OptimConfig.PAPER);
        assertThat(config.train().globalBatch()).isEqualTo(256);
        assertThat(config.train().steps()).isEqualTo(400_000);
    }

    @ParameterizedTest
    @CsvSource({
        "sit, sit, 1024, 675995920, 675995920",
        "repa, repa, 1024, 675995920, 684127248",
        "reg, reg, 1025, 677770768, 685902096",
        "maskalign, maskalign, 769, 725581072, 733712400",
        "repa-maskalign, maskalign, 768, 723806224, 731937552"
    })
    void configsOf512PixelsDifferFromThoseOf256InSizeAndLengthAlone(
            String method, String family, int blockTokens, long without, long with) {
        RunConfig config = load("imagenet-512-sit-xl-2", method);

        ModelSummary summary = ModelSummary.of(config);

        assertThat(summary.family()).isEqualTo(family);
        assertThat(summary.tokens()).isEqualTo(1024);
        assertThat(summary.blockTokens()).isEqualTo(blockTokens);
        // the table of positions has 768 rows more
        assertThat(summary.parameters()).containsAllEntriesOf(Map.of("without_projector", without, "total", with));
        Map<String, String> settings = RunPlan.settings(config);
        Map<String, String> at256 = RunPlan.settings(load("imagenet-sit-xl-2", method));
        assertThat(settings.keySet()).isEqualTo(at256.keySet());
        assertThat(settings.keySet().stream().filter(key -> !settings.get(key).equals(at256.get(key))))
                .isSubsetOf("model.inputSize", "encoder.path")
                .contains("model.inputSize");
    }

    @ParameterizedTest
    @ValueSource(strings = {"imagenet-sit-b-2", "imagenet-sit-l-2", "imagenet-sit-xl-2", "imagenet-512-sit-xl-2"})
    void imagenetConfigsOfASizeDifferInTheMethodAlone(String size) {
        Map<String, String> sit = RunPlan.settings(load(size, "sit"));

        for (String method : List.of("repa", "reg", "maskalign", "repa-maskalign")) {
            Map<String, String> other = RunPlan.settings(load(size, method));
            assertThat(other.keySet().stream()
                            .filter(key -> !other.get(key).equals(sit.get(key)))
                            .map(key -> key.split("\\.")[0]))
                    .as(method)
                    .isNotEmpty()
                    .isSubsetOf("align", "encoder", "cls", "mixer", "subset");
        }
    }

    @Test
    void emojiConfigsDifferInTheMethodAlone() {
        Map<String, String> sit = RunPlan.settings(load("emoji-32-lab", "sit"));
        Map<String, String> mask = RunPlan.settings(load("emoji-32-lab", "maskalign"));

        assertThat(mask.keySet().stream()
                        .filter(key -> !mask.get(key).equals(sit.get(key)))
                        .map(key -> key.split("\\.")[0])
                        .distinct())
                .containsExactlyInAnyOrder("align", "encoder", "cls", "mixer", "subset");
    }

    @Test
    void lengthAndPreviewsMayChangeOnResumeButTheMathematicsMayNot() {
        Path file = FOLDER.resolve("emoji-32.yaml");
        Map<String, String> settings = RunPlan.settings(load("emoji-32"));

        assertThat(RunPlan.settings(
                        bind(file, "train.steps=7", "train.saveEvery=3", "runtime.previewEvery=2", "name=other")))
                .isEqualTo(settings);
        assertThat(RunPlan.settings(bind(file, "train.activationCheckpointing=1", "train.accumulation=2")))
                .isEqualTo(settings);
        assertThat(RunPlan.settings(bind(file, "optim.lr=2e-3"))).isNotEqualTo(settings);
        assertThat(RunPlan.settings(bind(file, "runtime.precision=BFLOAT16"))).isNotEqualTo(settings);
        assertThat(RunPlan.settings(bind(file, "seed=1"))).isNotEqualTo(settings);
    }

    @Test
    void furtherAveragesAreASettingOfTheRunAndNoneIsNotOne() {
        Path file = FOLDER.resolve("emoji-32.yaml");

        assertThat(RunPlan.settings(load("emoji-32"))).doesNotContainKey("optim.extraEmaDecays");
        assertThat(RunPlan.settings(bind(file, "optim.extraEmaDecays=[0.9, 0.99]")))
                .containsEntry("optim.extraEmaDecays", "[0.9, 0.99]");
    }

    @Test
    void aShortConfigIsPlainSitWithThePapersSettings() {
        String text = """
                name: short
                model: {inputSize: 32, inChannels: 3, numClasses: 2, patchSize: 4, hiddenSize: 48, depth: 6, numHeads: 2}
                data: {kind: FOLDER, path: pictures}
                optim: {lr: 1.0e-4, emaDecay: 0.9999}
                train: {steps: 10, globalBatch: 4}
                """;

        RunConfig config =
                ConfigBinder.bindText(text, "short", List.of(), RunConfig.class).value();

        assertThat(family(config)).isEqualTo("sit");
        assertThat(config.optim()).isEqualTo(OptimConfig.PAPER);
        assertThat(config.sample()).isEqualTo(SamplerConfig.defaults());
        assertThat(config.subset()).isEqualTo(SubsetConfig.defaults().withPlacement(SubsetPlacement.NONE));
        assertThat(config.mixer()).isEqualTo(MixerConfig.NONE);
        assertThat(config.diffusion()).isEqualTo(DiffusionConfig.defaults());
        assertThatThrownBy(() -> ConfigBinder.bindText("name: x", "x", List.of(), RunConfig.class))
                .hasMessageContaining("4 problems");
    }

    @Test
    void mirroringIsASettingOfTheRunAndNoneIsNotOne() {
        assertThat(RunPlan.settings(load("emoji-32"))).doesNotContainKey("data.flip");
        RunConfig mirrored =
                bind(FOLDER.resolve("emoji-32.yaml"), "data.kind=FOLDER", "data.path=pictures", "data.flip=true");

        assertThat(RunPlan.settings(mirrored))
                .containsEntry("data.flip", "true")
                .doesNotContainKey("data.path");
    }

    @Test
    void attentionIsRefusedWhereTheEncoderCannotGiveIt() {
        String term = "terms.attention={blocks: [2], encoderBlocks: [3]}";
        assertThat(bind(FOLDER.resolve("emoji-32-lab.yaml"), "method=repa", term)
                        .method()
                        .terms()
                        .attention())
                .isPresent();
        assertThatThrownBy(() -> bind(FOLDER.resolve("mini-imagenet.yaml"), "subset.placement=NONE", term))
                .hasMessageContaining("encoder.kind CACHED cannot give")
                .hasMessageContaining("choose encoder.kind NATIVE");
        assertThatThrownBy(() -> bind(
                        FOLDER.resolve("emoji-32-lab.yaml"),
                        "method=repa",
                        term,
                        "encoder={kind: TORCHSCRIPT, path: vit.pt, width: 128, trust: true}"))
                .hasMessageContaining("encoder.kind TORCHSCRIPT does not hand out")
                .hasMessageContaining("choose encoder.kind NATIVE");
    }

    @Test
    void severalDepthsMakeAsManyProjectorsAndAreASettingOfTheRun() {
        Path file = FOLDER.resolve("emoji-32-lab.yaml");
        RunConfig deep = bind(file, "method=repa", "align.depths=[2, 5]");

        assertThat(RunPlan.model(deep).encoderWidths()).containsExactly(128, 128);
        assertThat(RunPlan.model(deep).align().depthOf(1)).isEqualTo(5);
        assertThat(RunPlan.settings(deep)).containsEntry("align.depths", "[2, 5]");
        assertThat(RunPlan.settings(bind(file, "method=repa"))).doesNotContainKey("align.depths");
        assertThatThrownBy(() -> RunPlan.model(bind(file, "method=repa", "align.depths=[2, 9]")))
                .hasMessageContaining("align.depths must be in [1, 8] but was 9");
    }

    @Test
    void furtherEncodersAlignByProjectorsOfTheirOwn() {
        Path file = FOLDER.resolve("emoji-32-lab.yaml");
        String more = "moreEncoders=[{kind: NATIVE, path: vit.pth, width: 384}]";
        RunConfig two = bind(file, "method=repa", more, "align.depths=[2, 5]");

        assertThat(RunPlan.model(two).encoderWidths()).containsExactly(128, 384);
        assertThat(RunPlan.settings(two).get("moreEncoders")).contains("NATIVE");
        assertThat(RunPlan.settings(bind(file, "method=repa"))).doesNotContainKey("moreEncoders");
        assertThatThrownBy(() -> bind(file, "method=repa", "moreEncoders=[{kind: CACHED}]"))
                .hasMessageContaining("moreEncoders need align.enabled true")
                .hasMessageContaining("[EMBEDDED, CACHED]");
        assertThatThrownBy(() -> RunPlan.model(bind(file, "method=repa", more, "align.depths=[2, 5, 6]")))
                .hasMessageContaining("align.depths must be empty or name a depth for each of 2 projectors");
    }

    @Test
    void spaceAndClassesAreSettingsOfTheRunWhereTheyAreGiven() {
        Path file = FOLDER.resolve("emoji-32.yaml");

        assertThat(RunPlan.settings(load("emoji-32"))).doesNotContainKeys("data.space", "data.classes");
        assertThat(RunPlan.settings(bind(file, "data.space=LATENTS", "data.classes=[hearts, flags]")))
                .containsEntry("data.space", "LATENTS")
                .containsEntry("data.classes", "[hearts, flags]");
        assertThatThrownBy(() -> bind(FOLDER.resolve("mini-imagenet.yaml"), "data.classes=[hearts]"))
                .hasMessageContaining("space and classes go with EMOJI, not with LATENTS")
                .hasMessageContaining("PIXELS and [hearts]");
    }

    @Test
    void sectionsThatContradictEachOtherAreRefused() {
        Path file = FOLDER.resolve("emoji-32.yaml");

        assertThatThrownBy(() -> bind(file, "encoder.kind=NONE"))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("encoder.kind must not be NONE while align.enabled or cls.enabled is true");
        assertThatThrownBy(() -> bind(file, "diffusion.path=COSINE"))
                .hasMessageContaining("diffusion.path must be LINEAR with a class token but was COSINE");
        assertThatThrownBy(() -> bind(file, "model.variant=SiT-B/2"))
                .hasMessageContaining("variant already says patchSize");
    }

    @Test
    void oneConfigSwitchesBetweenTheMethods() {
        Path file = FOLDER.resolve("emoji-32.yaml");
        String noMask = "subset.placement=NONE";

        assertThat(family(bind(file))).isEqualTo("maskalign");
        assertThat(family(bind(file, noMask, "subset.ratio=0.0", "mixer.layers=0")))
                .isEqualTo("reg");
        assertThat(family(bind(file, noMask, "subset.ratio=0.0", "mixer.layers=0", "cls.enabled=false")))
                .isEqualTo("repa");
        assertThat(family(bind(
                        file,
                        noMask,
                        "subset.ratio=0.0",
                        "mixer.layers=0",
                        "cls.enabled=false",
                        "align.enabled=false",
                        "encoder.kind=NONE")))
                .isEqualTo("sit");
        RunConfig repaMask = bind(file, "cls.enabled=false");
        assertThat(RunPlan.model(repaMask).hasClassToken()).isFalse();
        assertThat(RunPlan.model(repaMask).subset().placement()).isEqualTo(SubsetPlacement.DROP);
    }

    private static RunConfig load(String name, String method) {
        return bind(FOLDER.resolve(name + ".yaml"), "method=" + method);
    }

    private static RunConfig load(String name) {
        return bind(FOLDER.resolve(name + ".yaml"));
    }

    private static RunConfig bind(Path file, String... overrides) {
        return ConfigBinder.bind(file, List.of(overrides), RunConfig.class).value();
    }

    @Test
    void guidedChannelsAreAllUnlessGivenAndMustExist() {
        assertThat(load("imagenet-sit-b-2", "sit").sample().guidance().legacyGuidedChannels())
                .isZero();
        Path file = FOLDER.resolve("imagenet-sit-b-2.yaml");

        RunConfig three = bind(file, "method=sit", "sample.legacyGuidedChannels=3");

        assertThat(three.sample().guidance().legacyGuidedChannels()).isEqualTo(3);
        assertThat(three.evaluate().sampling(three.sample()).guidance().legacyGuidedChannels())
                .isEqualTo(3);
        assertThat(RunPlan.settings(three)).isEqualTo(RunPlan.settings(load("imagenet-sit-b-2", "sit")));
        assertThatThrownBy(() -> ConfigBinder.bind(file, List.of("sample.legacyGuidedChannels=5"), RunConfig.class))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("sample.legacyGuidedChannels must be at most model.inChannels, 4")
                .hasMessageContaining("but was 5");
    }

    private static String family(RunConfig config) {
        return ModelSettings.family(RunPlan.model(config));
    }
}
