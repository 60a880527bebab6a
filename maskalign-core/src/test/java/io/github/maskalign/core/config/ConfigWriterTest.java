package io.github.maskalign.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Identified;
import io.github.maskalign.core.config.YamlLoader.YamlText;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.train.OptimConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigWriterTest {
    enum Mode implements Identified {
        PLAIN("plain"),
        ON("on"),
        SPACED("a b: c");

        private final String id;

        Mode(String id) {
            this.id = id;
        }

        @Override
        public String id() {
            return id;
        }
    }

    record Nothing() {}

    record Leaf(String text, double real, @Default("3") int count) {}

    record Tree(
            String name,
            int number,
            long big,
            float single,
            double real,
            boolean flag,
            Mode mode,
            Path path,
            Nothing nothing,
            Leaf leaf,
            List<Leaf> leaves,
            List<List<Leaf>> groups,
            List<List<Double>> grid,
            List<String> words,
            List<Nothing> nothings,
            Optional<Leaf> maybe,
            Optional<List<Integer>> sizes,
            @Nullable Double none,
            Boolean on) {}

    record Text(String value) {}

    record Real(double value) {}

    record Library(
            SubsetConfig subset,
            MixerConfig mixer,
            DiffusionConfig diffusion,
            SamplerConfig sampler,
            OptimConfig optim) {}

    private static final Tree TREE = new Tree(
            "toy",
            -1,
            1L << 40,
            0.1f,
            1e-4,
            true,
            Mode.ON,
            Path.of("data/a b"),
            new Nothing(),
            new Leaf("null", 4, 3),
            List.of(new Leaf("a", 1, 1), new Leaf("", -0.0, 2)),
            List.of(List.of(new Leaf("a", 1, 1), new Leaf("b", 2, 2)), List.of()),
            List.of(List.of(1.5, 2.0), List.of()),
            List.of("x", "1", "- y"),
            List.of(new Nothing(), new Nothing()),
            Optional.empty(),
            Optional.of(List.of(1, 2)),
            null,
            false);

    @Test
    void writesKeysInTheOrderOfTheRecord() {
        assertThat(ConfigWriter.yaml(TREE)).isEqualTo("""
                        name: toy
                        number: -1
                        big: 1099511627776
                        single: 0.1
                        real: 1.0e-4
                        flag: true
                        mode: "on"
                        path: "data/a b"
                        nothing: {}
                        leaf:
                          text: "null"
                          real: 4.0
                          count: 3
                        leaves:
                          - text: a
                            real: 1.0
                            count: 1
                          - text: ""
                            real: -0.0
                            count: 2
                        groups:
                          - - text: a
                              real: 1.0
                              count: 1
                            - text: b
                              real: 2.0
                              count: 2
                          - []
                        grid: [[1.5, 2.0], []]
                        words: [x, "1", "- y"]
                        nothings: [{}, {}]
                        maybe: null
                        sizes: [1, 2]
                        none: null
                        "on": false
                        """);
        assertThat(ConfigWriter.yaml(new Nothing())).isEqualTo("{}\n");
    }

    @Test
    void bindsBackToAnEqualRecord() {
        assertRebinds(TREE);
        assertRebinds(new Nothing());
    }

    @Test
    void bindsTheLibrarysOwnRecordsBack() {
        assertRebinds(new Library(
                SubsetConfig.defaults(),
                MixerConfig.PAPER,
                DiffusionConfig.defaults(),
                SamplerConfig.defaults(),
                OptimConfig.PAPER));
    }

    @Test
    void bindsRandomRecordsBack() {
        for (int seed = 0; seed < 500; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            Tree tree = tree(random);
            assertThat(rebind(tree)).as("seed %s", seed).isEqualTo(tree);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "a ",
                " a",
                "null",
                "Null",
                "~",
                "true",
                "False",
                "yes",
                "NO",
                "on",
                "y",
                "1",
                "-1",
                "1.5",
                "1e3",
                ".inf",
                ".5",
                "0x1F",
                "010",
                "1_000",
                "2026-01-01",
                "12:30",
                "a: b",
                "a:",
                ":a",
                "a #b",
                "#a",
                "- a",
                "-",
                "?",
                "? a",
                "[a]",
                "{a}",
                "a, b",
                "*a",
                "&a",
                "!a",
                "|",
                ">",
                "%a",
                "@a",
                "`a",
                "'a'",
                "\"a\"",
                "a\\b",
                "a\nb",
                "a\tb",
                "a\r\nb",
                "\u0000",
                "\u0007",
                "\u007f",
                "\u0085",
                "\u00a0",
                "\u2028",
                "\ufeff",
                "\uffff",
                "\ue000",
                "\u00e9\u4e2d",
                "\ud83d\ude00",
                "\udbff\udfff",
                "---",
                "...",
                "<<",
                "=",
                "/a/b.c-d+e",
                "SiT-B/2"
            })
    void bindsAwkwardStringsBack(String text) {
        assertRebinds(new Text(text));
        assertRebinds(new Leaf(text, 1, 1));
        assertThat(ConfigBinder.bindText("{}", "t", List.of("value=" + YamlText.of(text)), Text.class)
                        .value()
                        .value())
                .isEqualTo(text);
    }

    @Test
    void keepsTheHashOfEqualConfigsHoweverTheyWereWritten() {
        Leaf written = new Leaf("a", 1e-4, 3);
        Leaf read = ConfigBinder.bindText("# note\nreal: 0.00010\ntext: 'a'\n", "t", List.of(), Leaf.class)
                .value();

        // The SHA-256 of "text: a\nreal: 1.0e-4\ncount: 3\n", computed with sha256sum.
        String expected = "9def201bd88edd82b6555d8372839808a4039ef9d2932fb17c8c139e8d5cf50d";
        assertThat(ConfigWriter.hash(written)).isEqualTo(expected);
        assertThat(ConfigWriter.hash(read)).isEqualTo(expected);
        assertThat(ConfigWriter.hash(new Leaf("a", 1e-4, 4))).isNotEqualTo(expected);
    }

    @Test
    void doesNotDependOnTheLocale() {
        Locale before = Locale.getDefault();
        try {
            Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));
            assertThat(ConfigWriter.yaml(new Leaf("\u0001\u2028", 1234.5, 7)))
                    .isEqualTo("text: \"\\x01\\u2028\"\nreal: 1234.5\ncount: 7\n");
        } finally {
            Locale.setDefault(before);
        }
    }

    @Test
    void refusesValuesWithoutAForm() {
        assertThatThrownBy(() -> ConfigWriter.yaml(new Real(Double.NaN)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("value must be finite in a config but was NaN");
        assertThatThrownBy(() -> ConfigWriter.yaml(new Text("\ud800")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("value must not hold half of a surrogate pair but was \"\\ud800\"");
        assertThatThrownBy(() -> ConfigWriter.yaml(new Text(null)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("value must not be null, because it is not optional in a config");
    }

    private static void assertRebinds(Record config) {
        assertThat(rebind(config)).isEqualTo(config);
    }

    private static Record rebind(Record config) {
        return ConfigBinder.bindText(ConfigWriter.yaml(config), "written.yaml", List.of(), config.getClass())
                .value();
    }

    private static Tree tree(SplittableRandom random) {
        return new Tree(
                text(random),
                random.nextInt(),
                random.nextLong() >> random.nextInt(64),
                finite(random, () -> (double) Float.intBitsToFloat(random.nextInt()))
                        .floatValue(),
                finite(random, () -> Double.longBitsToDouble(random.nextLong())),
                random.nextBoolean(),
                Mode.values()[random.nextInt(3)],
                Path.of("a", text(random).replace("\0", "").replaceAll("[^\\x20-\\x7e]", "x")),
                new Nothing(),
                leaf(random),
                list(random, () -> leaf(random)),
                list(random, () -> list(random, () -> leaf(random))),
                list(random, () -> list(random, random::nextGaussian)),
                list(random, () -> text(random)),
                list(random, Nothing::new),
                random.nextBoolean() ? Optional.empty() : Optional.of(leaf(random)),
                random.nextBoolean() ? Optional.empty() : Optional.of(list(random, random::nextInt)),
                random.nextBoolean() ? null : random.nextGaussian(),
                random.nextBoolean());
    }

    private static Double finite(SplittableRandom random, Supplier<Double> draw) {
        double value = draw.get();
        return Double.isFinite(value) ? value : random.nextGaussian();
    }

    private static Leaf leaf(SplittableRandom random) {
        return new Leaf(text(random), random.nextGaussian(), random.nextInt());
    }

    private static <T> List<T> list(SplittableRandom random, Supplier<T> item) {
        List<T> items = new ArrayList<>();
        for (int n = random.nextInt(4); n > 0; n--) {
            items.add(item.get());
        }
        return List.copyOf(items);
    }

    /** Mostly characters that mean something to YAML, some from everywhere. */
    private static String text(SplittableRandom random) {
        String special = " \t\n\r:#-?[]{},&*!|>'\"%@`~\\/._+0123456789eEnulltrueINF\u0085\u00a0\u2028\ufeff";
        StringBuilder text = new StringBuilder();
        for (int n = random.nextInt(12); n > 0; n--) {
            int c = random.nextInt(4) > 0
                    ? special.charAt(random.nextInt(special.length()))
                    : random.nextInt(Character.MAX_CODE_POINT + 1);
            text.appendCodePoint(c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE ? 'x' : c);
        }
        return text.toString();
    }
}
