package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * A type is public because a program of the examples, a document, another module or another public type's signature uses
 * it. Whatever no user needs is package-private or in {@code *.internal}.
 */
class PublicTypesTest {
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final List<String> LIBRARIES = List.of("maskalign-core", "maskalign-sit", "maskalign-encoders");
    private static final Pattern PUBLIC = Pattern.compile(
            "^public (?:(?:abstract|final|sealed|non-sealed) )*(?:class|interface|record|enum|@interface) (\\w+)",
            Pattern.MULTILINE);
    private static final Pattern COMMENT = Pattern.compile("/\\*.*?\\*/|//[^\n]*", Pattern.DOTALL);

    @Test
    void everyPublicTypeHasAUser() throws IOException {
        Map<Path, String> sources = new LinkedHashMap<>();
        for (String module : List.of("maskalign-core", "maskalign-sit", "maskalign-encoders", "maskalign-examples")) {
            for (Path file : files(ROOT.resolve(module).resolve("src/main/java"), ".java")) {
                sources.put(file, COMMENT.matcher(Files.readString(file)).replaceAll(""));
            }
        }
        StringBuilder documents = new StringBuilder(Files.readString(ROOT.resolve("README.md")));
        for (Path file : files(ROOT.resolve("docs"), ".md")) {
            documents.append(Files.readString(file));
        }
        TreeSet<String> unused = new TreeSet<>();
        List<String> known = new ArrayList<>();
        sources.forEach((file, text) -> {
            Matcher type = PUBLIC.matcher(text);
            if (!isFace(file) || !type.find()) {
                return;
            }
            String name = type.group(1);
            known.add(name);
            Pattern word = Pattern.compile("\\b" + name + "\\b");
            boolean elsewhere = sources.entrySet().stream()
                    .anyMatch(other -> !other.getKey().getParent().equals(file.getParent())
                            && word.matcher(other.getValue()).find());
            boolean inFace = sources.entrySet().stream()
                    .anyMatch(other -> other.getKey().getParent().equals(file.getParent())
                            && !other.getKey().equals(file)
                            && PUBLIC.matcher(other.getValue()).find()
                            && word.matcher(other.getValue()).find());
            if (!elsewhere && !inFace && !word.matcher(documents).find()) {
                unused.add(name + " in " + ROOT.relativize(file.getParent()));
            }
        });

        assertThat(known).hasSizeGreaterThan(50);
        assertThat(unused)
                .as("public types that no document, module or public type uses: make them package-private or internal")
                .isEmpty();
    }

    private static boolean isFace(Path file) {
        return LIBRARIES.stream().anyMatch(module -> file.startsWith(ROOT.resolve(module)))
                && !file.getParent().toString().contains("internal");
    }

    private static List<Path> files(Path folder, String suffix) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            return all.filter(file -> file.toString().endsWith(suffix)).sorted().toList();
        }
    }
}
