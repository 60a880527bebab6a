package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.config.ConfigException;
import io.github.maskalign.core.config.ConfigPresets;
import io.github.maskalign.core.config.ConfigPresets.Preset;
import io.github.maskalign.core.config.ConfigWriter;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.sit.run.RunConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The methods that come with the library, the configs that they made superfluous, and the numbers of their papers. */
class MethodConfigsTest {
    private static final Path CONFIGS = Path.of("..", "configs");
    private static final Path OLD = Path.of("src", "test", "resources", "formats", "configs");
    private static final ConfigPresets METHODS =
            ConfigPresets.of(RunConfig.class).orElseThrow();

    /** What is no matter of the method. */
    private static final Set<String> OF_RUNS = Set.of("name", "seed", "model", "data", "train", "runtime", "evaluate");

    static List<String> methods() {
        return METHODS.names();
    }

    static List<String> oldFiles() throws IOException {
        try (Stream<Path> files = Files.list(OLD)) {
            return files.map(file -> file.getFileName().toString().replace(".yaml", ""))
                    .sorted()
                    .toList();
        }
    }

    @Test
    void theOldFilesAreAllThereAndUnchanged() throws IOException {
        StringBuilder hashes = new StringBuilder();
        for (String name : oldFiles()) {
            hashes.append(Digests.sha256(OLD.resolve(name + ".yaml"))).append(' ');
        }

        assertThat(oldFiles()).hasSize(27);
        assertThat(Digests.sha256(hashes.toString()))
                .isEqualTo("0ec0bb080fa18202c9c62e0cde4495a1cc0c332e69afe7d543292c7fa511accd");
    }

    @ParameterizedTest
    @MethodSource("oldFiles")
    void anOldConfigIsTheSameAsTheCommandThatReplacesIt(String old) {
        List<String> command = replacement(old);

        Bound<RunConfig> before = ConfigBinder.bind(OLD.resolve(old + ".yaml"), List.of(), RunConfig.class);
        Bound<RunConfig> today = ConfigBinder.bind(
                CONFIGS.resolve(command.get(0) + ".yaml"), command.subList(1, command.size()), RunConfig.class);

        assertThat(before.preset()).isEmpty();
        assertThat(today.preset()).isPresent();
        assertThat(today.value()).isEqualTo(before.value());
        assertThat(today.yaml()).isEqualTo(before.yaml());
        assertThat(RunPlan.settings(today.value())).isEqualTo(RunPlan.settings(before.value()));
    }

    /** The config of today and what follows --set. */
    private static List<String> replacement(String old) {
        List<String> command = new ArrayList<>();
        String method = METHODS.names().stream()
                .filter(id -> old.endsWith("-" + id))
                .reduce("", (a, b) -> a.length() > b.length() ? a : b);
        if (method.isEmpty()) {
            return List.of(old);
        }
        String base = old.substring(0, old.length() - method.length() - 1);
        boolean emoji = base.equals("emoji-32");
        command.add(emoji ? "emoji-32-lab" : base);
        command.add("method=" + method);
        if (emoji) {
            command.add("name=" + old);
            if (Set.of("sit", "repa").contains(method)) {
                command.add("sample.classCfgScale=1.0"); // of a class token that there is not
            }
        }
        return command;
    }

    @ParameterizedTest
    @CsvSource({
        "sit, 130500112, 675111184",
        "repa, 137845008, 683242512",
        "reg, 139028496, 685017360",
        "maskalign, 160285200, 732827664",
        "repa-maskalign, 159101712, 731052816",
        "irepa, 135809296, 683074576",
        "layersync, 130500112, 675111184",
        "dispersive, 130500112, 675111184",
        "cfm, 130500112, 675111184",
        "haste, 137845008, 683242512",
        "sra, 132861712, 680423056",
        "tread, 130500112, 675111184",
        "sprint, 131681296, 677767696",
        "maskdit, 145657360, 730542352",
        "microdit, 157965520, 751273360",
        "dit, 130512416, 675129632",
        "ediffi, 130500112, 675111184",
        "redi, 130549296, 675184944",
        "mdtv2, 150931856, 742263904",
        "reglue, 139126864, 685164880",
        "repa-e, 137845016, 683242520"
    })
    void parametersAreThoseOfThePapers(String method, long base, long extraLarge) {
        assertThat(total("imagenet-sit-b-2", method)).isEqualTo(base);
        assertThat(total("imagenet-sit-xl-2", method)).isEqualTo(extraLarge);
    }

    /** The table of costs in docs/methods.md is what info prints. */
    @ParameterizedTest
    @MethodSource("methods")
    void theDocumentStatesWhatInfoPrints(String method) throws IOException {
        String document = Files.readString(Path.of("../docs/methods.md"));
        List<String> rows = document.lines()
                .filter(line -> line.startsWith("| `" + method + "` |"))
                .toList();
        assertThat(rows).as("a row in each of three tables").hasSize(3);
        StringBuilder row = new StringBuilder("| `" + method + "` |");
        for (String size : List.of("b", "xl")) {
            ModelSummary summary = ModelSummary.of(bind("imagenet-sit-" + size + "-2", "method=" + method));
            long total = summary.parameters().getOrDefault("total", 0L);
            long alone = total - summary.parameters().getOrDefault("without_projector", 0L);
            row.append(String.format(
                    Locale.ROOT,
                    " %,d | %s | %.1f | %.1f |",
                    total,
                    alone == 0 ? "–" : String.format(Locale.ROOT, "%,d", alone),
                    summary.flops().getOrDefault("step", 0L) / 1e9,
                    summary.flops().getOrDefault("sample", 0L) / 1e9));
        }
        assertThat(rows).contains(row.toString());
    }

    private static long total(String config, String method) {
        return ModelSummary.of(bind(config, "method=" + method)).parameters().getOrDefault("total", 0L);
    }

    @Test
    void theConvolutionOfIrepaHasItsPapersSize() {
        assertThat(Stream.of("b", "l", "xl")
                        .map(size -> ModelSummary.of(bind("imagenet-sit-" + size + "-2", "method=irepa"))
                                .parameters()
                                .get("projectors")))
                .containsExactly(5_309_184L, 7_078_656L, 7_963_392L);
    }

    @ParameterizedTest
    @MethodSource("methods")
    void eachMethodSaysWhatItIsAndSetsNothingOfARun(String method) {
        Preset preset = METHODS.get(method);

        assertThat(preset.summary()).isNotBlank().doesNotContain("\n").hasSizeLessThan(100);
        assertThat(preset.paper()).contains("arXiv ");
        Stream.concat(
                        preset.settings().keySet().stream(),
                        preset.sizes().values().stream().flatMap(size -> size.keySet().stream()))
                .forEach(key -> assertThat(OF_RUNS).doesNotContain(key.split("\\.")[0]));
    }

    /** The published sizes, and depth 4, which tests and the quickstart have. */
    @ParameterizedTest
    @MethodSource("methods")
    void eachMethodMakesAModelOfEachPublishedSizeAndOfTheQuickstarts(String method) {
        for (String config : List.of(
                "quickstart", "imagenet-sit-b-2", "imagenet-sit-l-2", "imagenet-sit-xl-2", "imagenet-512-sit-xl-2")) {
            Bound<RunConfig> bound = bound(config, "method=" + method);
            Preset preset = bound.preset().orElseThrow();

            RunPlan.model(bound.value());
            assertThat(preset.name()).isEqualTo(method);
            assertThat(bound.value().name()).isEqualTo(config + "-" + method);
            assertThat(bound.presetSettings()).containsExactlyInAnyOrderEntriesOf(written(preset, bound));
            // complete, and the same without any method
            assertThat(bound.yaml()).doesNotContain("method: " + method);
            assertThat(ConfigBinder.bindText(bound.yaml(), "config.yaml", List.of(), RunConfig.class)
                            .value())
                    .isEqualTo(bound.value());
        }
    }

    /** What a config has at the keys of a preset, read from what is written. */
    private static Map<String, String> written(Preset preset, Bound<RunConfig> bound) {
        Map<String, String> all = ConfigWriter.settings(bound.value());
        assertThat(all).containsKeys(preset.settings().keySet().toArray(new String[0]));
        return preset.settings().keySet().stream().collect(Collectors.toMap(key -> key, all::get));
    }

    @Test
    void aMethodOfTheCommandLineTakesThePlaceOfTheConfigsAndSetHoldsOverBoth() {
        RunConfig mine = bind("emoji-32-lab");
        assertThat(mine.name()).isEqualTo("emoji-32-lab");
        assertThat(mine.mixer().layers()).isEqualTo(2);

        RunConfig irepa = bind("emoji-32", "method=irepa", "align.coeff=0.25", "name=mine");

        assertThat(irepa.align().coeff()).isEqualTo(0.25);
        assertThat(irepa.align().spatialNorm()).contains(0.6);
        assertThat(irepa.mixer().layers()).isZero();
        assertThat(irepa.cls().enabled()).isFalse();
        assertThat(irepa.name()).isEqualTo("mine");
        assertThat(bind("emoji-32", "align.coeff=0.25", "method=irepa").align().coeff())
                .isEqualTo(0.25);
        RunConfig shifted = bind("imagenet-sit-b-2", "method=cfm", "diffusion.timeShift=0");
        assertThat(shifted.diffusion().timeShift()).isZero();
        assertThat(shifted.encoder().path()).isEmpty();
        assertThat(bind("imagenet-sit-b-2", "method=cfm").diffusion().timeShift())
                .isEqualTo(1.0);
    }

    @Test
    void aMethodThatNeedsNumbersOfADepthNamesThem() {
        assertThatThrownBy(() -> bind("emoji-32", "method=layersync", "model.depth=10", "terms.layerSync.block=3"))
                .isInstanceOf(ConfigException.class)
                .hasMessage(
                        "--set method=layersync: method layersync has no values for model.depth 10, only for 4, 6, 8,"
                                + " 12, 24, 28: give terms.layerSync.target yourself, such as --set terms.layerSync.target=2");
        RunConfig given =
                bind("emoji-32", "method=layersync", "model.depth=10", "terms.layerSync={block: 3, target: 6}");
        assertThat(given.method().terms().layerSync().orElseThrow().target()).isEqualTo(6);
        assertThatThrownBy(() -> bind("emoji-32", "method=repo"))
                .hasMessage("--set method=repo: method must be one of " + String.join(", ", METHODS.names())
                        + " but was \"repo\"; did you mean repa?");
    }

    private static RunConfig bind(String config, String... overrides) {
        return bound(config, overrides).value();
    }

    private static Bound<RunConfig> bound(String config, String... overrides) {
        return ConfigBinder.bind(CONFIGS.resolve(config + ".yaml"), List.of(overrides), RunConfig.class);
    }
}
