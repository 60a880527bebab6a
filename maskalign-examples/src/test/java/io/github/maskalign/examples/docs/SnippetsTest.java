package io.github.maskalign.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Every Java snippet of README and docs is a run of whole lines of a source that this build compiles: code that does not
 * compile is not shown. Blanks and line breaks count for nothing, comments do.
 */
class SnippetsTest {
    private static final Path ROOT = Path.of("..");
    private static final Pattern JAVA_BLOCK = Pattern.compile("(?m)^ *```java\n(.*?)^ *```", Pattern.DOTALL);
    private static final List<String> SOURCES = List.of(
            "examples/consumer/src/main/java",
            "maskalign-examples/src/main/java",
            "maskalign-examples/src/test/java/io/github/maskalign/examples/docs",
            "maskalign-examples/src/test/resources/outside");

    @Test
    void snippetsAreLinesOfCompiledSources() throws IOException {
        List<Squeezed> sources = new ArrayList<>();
        for (String folder : SOURCES) {
            for (Path file : files(ROOT.resolve(folder), ".java")) {
                sources.add(Squeezed.of(Files.readString(file)));
            }
        }
        List<Path> documents = new ArrayList<>(files(ROOT.resolve("docs"), ".md"));
        documents.add(ROOT.resolve("README.md"));
        documents.add(ROOT.resolve("examples/consumer/README.md"));
        List<String> strange = new ArrayList<>();
        int found = 0;
        for (Path document : documents) {
            Matcher block = JAVA_BLOCK.matcher(Files.readString(document));
            while (block.find()) {
                found++;
                String snippet = block.group(1);
                if (sources.stream().noneMatch(source -> source.holds(squeeze(snippet)))) {
                    strange.add(ROOT.relativize(document) + ":\n" + snippet);
                }
            }
        }

        assertThat(found).isGreaterThan(10);
        assertThat(strange).as("snippets that no compiled source has").isEmpty();
    }

    @Test
    void aLineThatDiffersOrIsCutIsFound() {
        Squeezed source = Squeezed.of("int a = 1;\n    int b = call(\n            2);\nint c = 3;\n");

        assertThat(source.holds(squeeze("int b = call(2);\nint c = 3;"))).isTrue();
        assertThat(source.holds(squeeze("int b = call(3);"))).isFalse();
        assertThat(source.holds(squeeze("b = call(2);"))).isFalse(); // begins within a line
        assertThat(source.holds(squeeze("int a = 1;\nint b ="))).isFalse(); // ends within one
        assertThat(source.holds(squeeze("int a = 1;\nint c = 3;"))).isFalse();
    }

    /** A source without blanks, and where its lines begin and end. */
    private record Squeezed(String text, BitSet starts, BitSet ends) {
        static Squeezed of(String source) {
            StringBuilder text = new StringBuilder();
            BitSet starts = new BitSet();
            BitSet ends = new BitSet();
            source.lines().forEach(line -> {
                starts.set(text.length());
                text.append(squeeze(line));
                ends.set(text.length());
            });
            return new Squeezed(text.toString(), starts, ends);
        }

        boolean holds(String snippet) {
            for (int at = text.indexOf(snippet); at >= 0; at = text.indexOf(snippet, at + 1)) {
                if (starts.get(at) && ends.get(at + snippet.length())) {
                    return true;
                }
            }
            return false;
        }
    }

    private static String squeeze(String text) {
        return text.replaceAll("\\s+", "");
    }

    private static List<Path> files(Path folder, String suffix) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            return all.filter(file -> file.toString().endsWith(suffix)).sorted().toList();
        }
    }
}
