package io.github.maskalign.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.ConfigBinder.Bound;
import io.github.maskalign.core.config.ConfigException.ConfigProblem;
import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Identified;
import io.github.maskalign.core.config.ConfigKey.Positive;
import io.github.maskalign.core.config.ConfigKey.Range;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.assertj.core.api.AbstractThrowableAssert;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConfigBinderTest {
    enum Schedule {
        CONSTANT,
        COSINE
    }

    enum Variant implements Identified {
        B_2("SiT-B/2"),
        XL_2("SiT-XL/2");

        private final String id;

        Variant(String id) {
            this.id = id;
        }

        @Override
        public String id() {
            return id;
        }
    }

    record Train(
            @Positive int steps,
            @Range(min = 0, max = 1, maxExclusive = true) double maskRatio,
            Schedule schedule) {}

    record Run(String name, Train train, @Default("[]") List<Integer> widths) {}

    record Everything(
            String text,
            int number,
            long big,
            float single,
            double real,
            boolean flag,
            Schedule schedule,
            Variant variant,
            Path path,
            List<Double> reals,
            List<Train> trains,
            List<List<Integer>> grid,
            Optional<Train> maybe,
            @Nullable Long seed,
            Integer boxed) {}

    record Int(int value) {}

    private static final String RUN = """
            name: toy
            train:
              steps: 400
              maskRatio: 0.25
              schedule: COSINE
            """;

    @TempDir
    Path folder;

    @Test
    void bindsEveryType() {
        String yaml = """
                # all of them
                text: "a: b"
                number: -12
                big: 9223372036854775807
                single: 0.1
                real: 1e-4
                flag: true
                schedule: CONSTANT
                variant: SiT-XL/2
                path: data/train
                reals: [1, 2.5, -3.0e2]
                trains:
                  - {steps: 1, maskRatio: 0, schedule: COSINE}
                  - steps: 2
                    maskRatio: 0.5
                    schedule: CONSTANT
                grid: [[1, 2], []]
                maybe: null
                seed: null
                boxed: 7
                """;

        Everything value = bind(yaml, Everything.class);

        assertThat(value)
                .isEqualTo(new Everything(
                        "a: b",
                        -12,
                        Long.MAX_VALUE,
                        0.1f,
                        1e-4,
                        true,
                        Schedule.CONSTANT,
                        Variant.XL_2,
                        Path.of("data/train"),
                        List.of(1.0, 2.5, -300.0),
                        List.of(new Train(1, 0, Schedule.COSINE), new Train(2, 0.5, Schedule.CONSTANT)),
                        List.of(List.of(1, 2), List.of()),
                        Optional.empty(),
                        null,
                        7));
    }

    @Test
    void readsAFileAndRemembersWhereItCameFrom() throws IOException {
        Path file = Files.writeString(folder.resolve("toy.yaml"), RUN);

        Bound<Run> bound = ConfigBinder.bind(file, List.of("train.steps=7"), Run.class);

        assertThat(bound.value()).isEqualTo(new Run("toy", new Train(7, 0.25, Schedule.COSINE), List.of()));
        assertThat(bound.source()).isEqualTo(file.toString());
        assertThat(bound.overrides()).containsExactly("train.steps=7");
        assertThat(bound.yaml()).isEqualTo(ConfigWriter.yaml(bound.value()));
        assertThat(bound.hash()).isEqualTo(ConfigWriter.hash(bound.value()));
    }

    @Test
    void reportsAllMistakesAtOnceInTheOrderOfTheFile() {
        String yaml = """
                name: 12
                train:
                  stpes: 400
                  maskRatio: 1.0
                  schedule: COSIN
                train: {}
                widths: [1, two, 3]
                """;

        assertRefused(yaml, Run.class, "train.x=1").hasMessage("""
                        test.yaml: 7 problems
                          - test.yaml:1:7: name must be a string but was 12 (an integer); put a string like this in quotes
                          - test.yaml:3:3: train.stpes is not a known key; did you mean train.steps? The keys of train are steps, maskRatio, schedule
                          - test.yaml:4:14: train.maskRatio must be a number in [0, 1) but was 1.0
                          - test.yaml:5:13: train.schedule must be one of CONSTANT, COSINE but was "COSIN"; did you mean COSINE?
                          - test.yaml:6:1: train must be given once but is given twice, first in line 2
                          - test.yaml:7:13: widths[1] must be an integer but was "two" (a string)
                          - --set train.x=1: train.x is not a known key; the keys of train are steps, maskRatio, schedule""".stripIndent());
    }

    @Test
    void givesEachProblemInParts() {
        assertThatThrownBy(() -> bind(RUN.replace("0.25", "2"), Run.class))
                .isInstanceOfSatisfying(
                        ConfigException.class,
                        e -> assertThat(e.problems())
                                .containsExactly(new ConfigProblem(
                                        "test.yaml",
                                        4,
                                        14,
                                        "train.maskRatio",
                                        "train.maskRatio must be a number in [0, 1) but was 2")));
    }

    @Test
    void requiresEveryKeyWithoutADefault() {
        assertRefused("train: {steps: 1}\n", Run.class).hasMessage("""
                        test.yaml: 3 problems
                          - test.yaml:1:1: name is missing; it must be a string
                          - test.yaml:1:8: train.maskRatio is missing; it must be a number in [0, 1)
                          - test.yaml:1:8: train.schedule is missing; it must be one of CONSTANT, COSINE""");
    }

    record Nullables(
            Optional<Integer> a,
            @Nullable Integer b,
            @Default("null") Optional<Train> c) {}

    @Test
    void requiresKeysThatCanBeNull() {
        assertThat(bind("{a: null, b: null}", Nullables.class))
                .isEqualTo(new Nullables(Optional.empty(), null, Optional.empty()));
        assertThat(bind("{a: 1, b: 2, c: {steps: 1, maskRatio: 0, schedule: COSINE}}", Nullables.class))
                .isEqualTo(new Nullables(Optional.of(1), 2, Optional.of(new Train(1, 0, Schedule.COSINE))));
        assertRefused("{a: x, c: 1}", Nullables.class).hasMessage("""
                        test.yaml: 3 problems
                          - test.yaml:1:1: b is missing; it must be an integer, or null
                          - test.yaml:1:5: a must be an integer but was "x" (a string)
                          - test.yaml:1:11: c must be a mapping with the keys steps, maskRatio, schedule but was 1 (an integer)""");
    }

    record Sampling(
            @Default("250") int steps,
            @Default("'12'") String tag,
            @Default("") @Nullable String none) {}

    record WithDefaults(
            @Default("{steps: 3, maskRatio: 0.5, schedule: CONSTANT}")
            Train train,

            @Default("{}") Sampling sample) {}

    @Test
    void namesTheConfigWhereThereIsNoKey() {
        String prefix = "test.yaml:1:1: the config must be a mapping with the keys value but was ";
        assertRefused("", Int.class).hasMessage(prefix + "empty");
        assertRefused("# nothing\n", Int.class).hasMessage(prefix + "empty");
        assertRefused("[1]", Int.class).hasMessage(prefix + "a list of 1");
        assertRefused("value 3", Int.class).hasMessage(prefix + "\"value 3\" (a string)");
    }

    @Test
    void pointsAKeyInTheWrongSectionToTheRightOne() {
        assertRefused(RUN + "steps: 3\n", Run.class)
                .hasMessage("test.yaml:6:1: steps is not a known key; did you mean train.steps?"
                        + " The keys are name, train, widths");
        assertRefused(RUN + "  colour: 3\n", Run.class)
                .hasMessage("test.yaml:6:3: train.colour is not a known key;"
                        + " the keys of train are steps, maskRatio, schedule");
    }

    @Test
    void fillsDefaults() {
        assertThat(bind("{}", WithDefaults.class))
                .isEqualTo(new WithDefaults(new Train(3, 0.5, Schedule.CONSTANT), new Sampling(250, "12", null)));
        assertThat(bind("sample: {steps: 5}", WithDefaults.class).sample()).isEqualTo(new Sampling(5, "12", null));
    }

    record Pair(int low, int high) {
        Pair {
            if (low > high) {
                throw new IllegalArgumentException("low must be at most " + high + " but was " + low);
            }
            if (low < 0) {
                throw new IllegalArgumentException("pair.high and pair.low must not be negative");
            }
            if (high > 9) {
                throw new IllegalArgumentException("a pair must have one digit");
            }
            if (high == 9) {
                throw new IllegalStateException("no config's fault");
            }
        }
    }

    record Pairs(List<Pair> pairs) {}

    @Test
    void reportsWhatConstructorsRefuseAtTheKeyTheyName() {
        String yaml = """
                pairs:
                  - low: 5
                    high: 3
                  - {low: -1, high: 3}
                  - low: 1
                    high: 10
                """;
        assertRefused(yaml, Pairs.class).hasMessage("""
                        test.yaml: 3 problems
                          - test.yaml:2:10: pairs[0].low must be at most 3 but was 5
                          - test.yaml:4:21: pairs[1].high and pair.low must not be negative
                          - test.yaml:5:5: pairs[2] is refused: a pair must have one digit""");
    }

    @Test
    void leavesOtherExceptionsOfConstructorsAlone() {
        assertThatThrownBy(() -> bind("pairs: [{low: 1, high: 9}]", Pairs.class))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("no config's fault");
    }

    @Test
    void saysWhyAFileCannotBeRead() throws IOException {
        Path missing = folder.resolve("none.yaml");
        Path latin = Files.write(folder.resolve("latin.yaml"), "value: \u00e9".getBytes(StandardCharsets.ISO_8859_1));
        Path huge = Files.write(folder.resolve("huge.yaml"), new byte[5 << 20]);

        assertThatThrownBy(() -> ConfigBinder.bind(missing, List.of(), Int.class))
                .isInstanceOf(ConfigException.class)
                .hasMessage(missing + ": the config does not exist");
        assertThatThrownBy(() -> ConfigBinder.bind(folder, List.of(), Int.class))
                .isInstanceOf(ConfigException.class)
                .hasMessageStartingWith(folder + ": the config cannot be read: ");
        assertThatThrownBy(() -> ConfigBinder.bind(latin, List.of(), Int.class))
                .isInstanceOf(ConfigException.class)
                .hasMessage(latin + ": the config must be text in UTF-8 but is not");
        assertThatThrownBy(() -> ConfigBinder.bind(huge, List.of(), Int.class))
                .isInstanceOf(ConfigException.class)
                .hasMessage(huge + ": the config must be at most 1048576 characters long");
    }

    @Test
    void countsTheMistakesItDoesNotPrint() {
        StringBuilder many = new StringBuilder("value: 1\n");
        for (int i = 0; i < 2000; i++) {
            many.append("unknown").append(i).append(": 1\n");
        }
        assertThatThrownBy(() -> bind(many.toString(), Int.class)).isInstanceOfSatisfying(ConfigException.class, e -> {
            assertThat(e.problems()).hasSize(1000);
            assertThat(e.getMessage()).startsWith("test.yaml: 2000 problems\n").endsWith("\n  - and 1950 more");
        });
    }

    private static <R extends Record> R bind(String yaml, Class<R> type, String... overrides) {
        return ConfigBinder.bindText(yaml, "test.yaml", List.of(overrides), type)
                .value();
    }

    private static AbstractThrowableAssert<?, ? extends Throwable> assertRefused(
            String yaml, Class<? extends Record> type, String... overrides) {
        return assertThatThrownBy(() -> bind(yaml, type, overrides)).isInstanceOf(ConfigException.class);
    }
}
