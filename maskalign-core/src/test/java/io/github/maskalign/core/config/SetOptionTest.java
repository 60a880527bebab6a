package io.github.maskalign.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Positive;
import java.util.List;
import java.util.Optional;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SetOptionTest {
    record Optim(double lr, @Default("0.0") double decay) {}

    record Part(String name) {}

    record Train(@Positive int steps, Optim optim) {}

    record Run(
            String name,
            Train train,
            @Default("{lr: 1.0e-4, decay: 0.5}") Optim teacher,
            Optional<Optim> other,
            @Default("[]") List<Part> parts) {}

    private static final String YAML = """
            name: toy
            train:
              steps: 400
              optim:
                lr: 1.0e-3
            other: null
            """;

    @Test
    void replacesValuesOfTheFile() {
        Run run = bind("name=other", "train.steps= 5 ", "train.optim.lr=2e-2", "parts=[{name: x}, {name: y}]");

        assertThat(run.name()).isEqualTo("other");
        assertThat(run.train()).isEqualTo(new Train(5, new Optim(2e-2, 0)));
        assertThat(run.parts()).containsExactly(new Part("x"), new Part("y"));
    }

    @Test
    void addsKeysThatTheFileLeavesOut() {
        assertThat(bind("train.optim.decay=1").train().optim()).isEqualTo(new Optim(1e-3, 1));
    }

    @Test
    void replacesWholeSections() {
        assertThat(bind("train={steps: 1, optim: {lr: 3}}").train()).isEqualTo(new Train(1, new Optim(3, 0)));
    }

    @Test
    void beginsLeftOutSectionsWithTheirDefault() {
        assertThat(bind("teacher.lr=7").teacher()).isEqualTo(new Optim(7, 0.5));
    }

    @Test
    void opensSectionsThatAreNull() {
        assertThat(bind("other.lr=7").other()).contains(new Optim(7, 0));
    }

    @Test
    void letsTheLastOneOfAKeyHold() {
        assertThat(bind("train.steps=wrong", "train.steps=5", "train.steps=6")
                        .train()
                        .steps())
                .isEqualTo(6);
    }

    @Test
    void mendsMistakesOfTheFile() {
        String wrong = YAML.replace("400", "many");

        Run run = ConfigBinder.bindText(wrong, "test.yaml", List.of("train.steps=3"), Run.class)
                .value();

        assertThat(run.train().steps()).isEqualTo(3);
    }

    @Test
    void setsStringsWithEqualsSignsAndSpaces() {
        assertThat(bind("name=a=b c").name()).isEqualTo("a=b c");
        assertThat(bind("name=''").name()).isEmpty();
        assertThat(bind("name='a #1'").name()).isEqualTo("a #1");
        assertThat(bind("name=a#1").name()).isEqualTo("a#1");
    }

    @Test
    void namesTheOptionInsteadOfAPosition() {
        assertRefused("train.steps=0")
                .hasMessage("--set train.steps=0: train.steps must be an integer above 0 but was 0");
        assertRefused("train.optim={lr: 1, decy: 2}")
                .hasMessage("--set train.optim={lr: 1, decy: 2}: train.optim.decy is not a known key;"
                        + " did you mean train.optim.decay? The keys of train.optim are lr, decay");
        assertRefused("train.optim={}")
                .hasMessage("--set train.optim={}: train.optim.lr is missing; it must be a number");
    }

    @Test
    void reportsOptionsAfterTheMistakesOfTheFile() {
        assertThatThrownBy(() -> ConfigBinder.bindText(
                        YAML + "more: 1\n", "test.yaml", List.of("train.steps=x", "nmae=y"), Run.class))
                .isInstanceOf(ConfigException.class)
                .hasMessage("""
                        test.yaml: 3 problems
                          - test.yaml:7:1: more is not a known key; the keys are name, train, teacher, other, parts
                          - --set nmae=y: nmae is not a known key; did you mean name? The keys are name, train, teacher, other, parts
                          - --set train.steps=x: train.steps must be an integer above 0 but was "x" (a string)""");
    }

    @Test
    void refusesUnknownPathsWithASuggestion() {
        assertRefused("steps=1")
                .hasMessage("--set steps=1: steps is not a known key; did you mean train.steps?"
                        + " The keys are name, train, teacher, other, parts");
        assertRefused("train.optm.lr=1")
                .hasMessage("--set train.optm.lr=1: train.optm is not a known key; did you mean train.optim?"
                        + " The keys of train are steps, optim");
    }

    @Test
    void refusesPathsBelowValues() {
        assertRefused("train.steps.x.y=1")
                .hasMessage("--set train.steps.x.y=1: train.steps has no key x.y:"
                        + " it must be an integer above 0, set as a whole");
        assertRefused("parts.0.name=1")
                .hasMessage("--set parts.0.name=1: parts has no key 0.name:"
                        + " it must be a list whose items are each a mapping with the keys name, set as a whole");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "name", "=1", "train..steps=1", ".name=1", "train.=1", " =1"})
    void refusesWhatIsNoKeyAndValue(String option) {
        assertRefused(option)
                .hasMessage(
                        "--set " + option + ": the config can only be changed by key=value, such as train.steps=100");
    }

    @Test
    void refusesEmptyValues() {
        assertRefused("name= ")
                .hasMessage("--set name= : name must be set to a value; write '' for an empty string, or null");
    }

    @Test
    void refusesBlocksCommentsAndSyntaxErrors() {
        assertRefused("train=steps: 1")
                .hasMessage("--set train=steps: 1: the config takes a single value, or a list or mapping in brackets");
        assertRefused("parts=- a\n- b")
                .hasMessage("--set parts=- a\\n- b: the config takes a single value,"
                        + " or a list or mapping in brackets");
        assertRefused("name=a #1")
                .hasMessage("--set name=a #1: the config must not hold a comment: put quotes around a value with #");
        assertRefused("name=[a").hasMessageStartingWith("--set name=[a: the config is not valid YAML: ");
        assertRefused("name=*a").hasMessageContaining("must be written out: aliases (*) are not allowed");
        assertRefused("name=a\n---\nb").hasMessageContaining("must be one YAML document");
        assertRefused("name=\u0000").hasMessageContaining("--set name=\\x00: the config is not valid YAML");
    }

    @Test
    void leavesAWrongSectionToTheMistakeOfTheFile() {
        String wrong = "name: a\ntrain: 3\nother: null\n";
        assertThatThrownBy(() -> ConfigBinder.bindText(wrong, "test.yaml", List.of("train.steps=3"), Run.class))
                .isInstanceOf(ConfigException.class)
                .hasMessage("test.yaml:2:8: train must be a mapping with the keys steps, optim but was 3 (an integer)");
    }

    @Test
    void showsLongOptionsInShort() {
        assertRefused("name=" + "x".repeat(300) + ": y")
                .hasMessageStartingWith("--set name=" + "x".repeat(195) + "...: the config ");
    }

    private static Run bind(String... overrides) {
        return ConfigBinder.bindText(YAML, "test.yaml", List.of(overrides), Run.class)
                .value();
    }

    private static AbstractThrowableAssert<?, ? extends Throwable> assertRefused(String override) {
        return assertThatThrownBy(() -> bind(override)).isInstanceOf(ConfigException.class);
    }
}
