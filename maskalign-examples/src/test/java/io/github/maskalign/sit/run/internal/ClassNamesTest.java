package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.files.CheckpointFormatException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ClassNamesTest {
    private static final ClassNames SHAPES = new ClassNames(List.of("circle", "star", "0-1", "10"));

    @TempDir
    Path folder;

    @Test
    void namesNumbersAndRangesAreLabelsAndANameGoesFirst() {
        assertThat(SHAPES.labels(List.of("star", " circle", "2", "1-3", "10", "0-1")))
                .containsExactly(1, 0, 2, 1, 2, 3, 3, 2);
    }

    @Test
    void whatIsNoClassIsRefusedWithThoseThereAre() {
        assertThatThrownBy(() -> SHAPES.labels(List.of("sun\n")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("is neither a class nor a number nor a range")
                .hasMessageContaining("the classes are circle, star, 0-1, 10");
        assertThatThrownBy(() -> new ClassNames(List.of()).labels(List.of("sun")))
                .hasMessageContaining("knows no names of classes");
    }

    @Test
    void aRunKeepsThem() throws Exception {
        assertThat(ClassNames.read(folder).names()).isEmpty();
        Files.writeString(folder.resolve(ClassNames.FILE), SHAPES.json());

        assertThat(ClassNames.read(folder)).isEqualTo(SHAPES);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "null", "{}", "[null]", "[[]]", "[\"a\"", "7"})
    void aDamagedFileIsNamed(String text) throws Exception {
        Files.writeString(folder.resolve(ClassNames.FILE), text);

        assertThatThrownBy(() -> ClassNames.read(folder))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("classes.json")
                .hasMessageContaining("JSON array");
    }

    @Test
    void aLongListIsCutInMessages() {
        List<String> many = IntStream.range(0, 20).mapToObj(i -> "c" + i).toList();

        assertThat(new ClassNames(many).text()).endsWith("c11 and 8 more");
        assertThat(new ClassNames(many).name(20)).isEqualTo("20");
    }
}
