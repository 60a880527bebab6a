package io.github.maskalign.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.ConfigKey.Default;
import java.util.List;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class YamlRulesTest {
    record Inner(int x, @Default("0") int y) {}

    record Outer(
            @Default("a") String name,
            @Default("{x: 1}") Inner inner,
            @Default("[]") List<Inner> list) {}

    @Test
    void refusesRepeatedKeysAtEveryLevel() {
        String yaml = """
                name: a
                inner:
                  x: 1
                  x: 2
                list: [{x: 1, y: 2, "y": 3}]
                'name': b
                """;
        assertRefused(yaml).hasMessage("""
                        test.yaml: 3 problems
                          - test.yaml:4:3: inner.x must be given once but is given twice, first in line 3
                          - test.yaml:5:21: list[0].y must be given once but is given twice, first in line 5
                          - test.yaml:6:1: name must be given once but is given twice, first in line 1""");
    }

    @Test
    void refusesTags() {
        assertRefused("name: !!str 12")
                .hasMessage("test.yaml:1:7: name must have no tag but has tag:yaml.org,2002:str");
        assertRefused("name: ! a").hasMessage("test.yaml:1:7: name must have no tag but has !");
        assertRefused("inner: !!javax.script.ScriptEngineManager {x: 1}")
                .hasMessage("test.yaml:1:8: inner must have no tag but has"
                        + " tag:yaml.org,2002:javax.script.ScriptEngineManager");
        assertRefused("list: !x []").hasMessage("test.yaml:1:7: list must have no tag but has !x");
        assertRefused("!!str name: a")
                .hasMessage("test.yaml:1:1: the config must have no tag but has" + " tag:yaml.org,2002:str");
        assertRefused("--- !!map\nname: a").hasMessageContaining("the config must have no tag");
    }

    @Test
    void refusesAnchorsAndAliasesAndGoesOn() {
        String yaml = """
                inner: &base {x: 1}
                list: [*base, *other]
                nmae: a
                """;
        assertRefused(yaml).hasMessage("""
                        test.yaml: 4 problems
                          - test.yaml:1:8: inner must have no anchor but has &base
                          - test.yaml:2:8: list[0] must be written out: aliases (*) are not allowed
                          - test.yaml:2:15: list[1] must be written out: aliases (*) are not allowed
                          - test.yaml:3:1: nmae is not a known key; did you mean name? The keys are name, inner, list""");
    }

    @Test
    void refusesMergeKeys() {
        assertRefused("inner: {<<: {x: 1}, x: 2}")
                .hasMessage("test.yaml:1:9: inner.<< is not a known key; the keys of inner are x, y");
    }

    @Test
    void refusesKeysThatAreNotScalars() {
        assertRefused("? [a, b]\n: 1\nnmae: x").hasMessage("""
                        test.yaml: 2 problems
                          - test.yaml:1:3: the config must have plain words as keys but one is a list of 2
                          - test.yaml:3:1: nmae is not a known key; did you mean name? The keys are name, inner, list""");
        assertRefused("{{a: b}: 1}")
                .hasMessage("test.yaml:1:2: the config must have plain words as keys but one is a mapping");
        assertRefused("*a : 1").hasMessageContaining("aliases (*) are not allowed");
    }

    @Test
    void refusesASecondDocument() {
        assertRefused("name: a\n---\nname: b\n")
                .hasMessage("test.yaml:2:1: the config must be one YAML document but a second one begins here");
        assertThat(bind("---\nname: b\n...\n").name()).isEqualTo("b");
    }

    @Test
    void refusesOtherVersionsOfYaml() {
        assertRefused("%YAML 1.1\n---\nname: b\n")
                .hasMessage("test.yaml:1:1: the config must be YAML 1.2 but declares 1.1");
        assertThat(bind("%YAML 1.2\n---\nname: b\n").name()).isEqualTo("b");
    }

    @ParameterizedTest
    @ValueSource(ints = {20, 100_000})
    void refusesDeepNesting(int depth) {
        assertRefused("name: " + "[".repeat(depth))
                .hasMessageContaining(":1:26: the config must not be nested deeper than 20 levels");
        assertRefused("a:\n" + "- ".repeat(depth) + "x")
                .hasMessageContaining("the config must not be nested deeper than 20 levels");
        assertRefused("{a: ".repeat(depth + 1)).hasMessageContaining("must not be nested deeper than 20 levels");
        assertRefused("? ".repeat(depth + 1)).hasMessageContaining("must not be nested deeper than 20 levels");
    }

    @Test
    void countsTwentyLevelsAsAllowed() {
        // The root is the first level, so 19 brackets make 20.
        assertRefused("name: " + "[".repeat(19) + "]".repeat(19))
                .hasMessage("test.yaml:1:7: name must be a string but was a list of 1");
    }

    @Test
    void refusesHugeDocuments() {
        String comment = "#".repeat(YamlLoader.MAX_CODE_POINTS - 8) + "\nname: a";
        assertThat(bind(comment).name()).isEqualTo("a");
        assertRefused(comment + "b").hasMessage("test.yaml:1:1: the config must be at most 1048576 characters long");
    }

    @Test
    void refusesByteOrderMarks() {
        assertRefused("\uFEFFname: a")
                .hasMessage("test.yaml:1:1: the config must not begin with a byte order mark: save it as plain UTF-8");
    }

    @Test
    void reportsSyntaxErrorsWithTheirPosition() {
        assertRefused("name: a\n\tinner: 1\n")
                .hasMessageStartingWith("test.yaml:2:1: the config is not valid YAML: ")
                .hasMessageContaining("TAB");
        assertRefused("name: 'a\n").hasMessageStartingWith("test.yaml:2:1: the config is not valid YAML: ");
        assertRefused("name: [1, 2\n").hasMessageStartingWith("test.yaml:2:1: the config is not valid YAML: ");
        assertRefused("name: a: b\n").hasMessageStartingWith("test.yaml:1:8: the config is not valid YAML: ");
        assertRefused("name: @a\n").hasMessageStartingWith("test.yaml:1:7: the config is not valid YAML: ");
        assertRefused("name: a\ninner: \u0007\n")
                .hasMessage("test.yaml:2:8: the config is not valid YAML: the character U+0007 is not allowed");
    }

    @Test
    void reportsFaultsThatTheParserDoesNotKnowItself() {
        assertRefused("name: a\ninner: \"\\u").hasMessageStartingWith("test.yaml:2:1: the config is not valid YAML");
    }

    @Test
    void countsLinesWithAnyLineEnd() {
        assertThat(bind("name: a\r\ninner: {x: 1}\r\n").name()).isEqualTo("a");
        assertRefused("name: a\r\ninner: {x: y}\r\n").hasMessageStartingWith("test.yaml:2:12: inner.x ");
    }

    @Test
    void refusesHalvesOfSurrogatePairs() {
        assertRefused("name: \"\\uD800\"").hasMessage("test.yaml:1:7: name must not hold half of a surrogate pair");
        assertThat(bind("name: \"\\U0001F600\"").name()).isEqualTo("\uD83D\uDE00");
    }

    @ParameterizedTest
    @CsvSource({
        "'name: \"a\\u0000b\"', 'a\u0000b'",
        "'name: a  # comment', a",
        "'\"n\\x61me\": a', a",
        "'{name: a,}', a"
    })
    void acceptsWhatYamlAllows(String yaml, String expected) {
        assertThat(bind(yaml).name()).isEqualTo(expected);
    }

    private static Outer bind(String yaml) {
        return ConfigBinder.bindText(yaml, "test.yaml", List.of(), Outer.class).value();
    }

    private static AbstractThrowableAssert<?, ? extends Throwable> assertRefused(String yaml) {
        return assertThatThrownBy(() -> bind(yaml)).isInstanceOf(ConfigException.class);
    }
}
