package io.github.maskalign.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.config.ConfigPresets;
import io.github.maskalign.core.config.ConfigSchema;
import io.github.maskalign.sit.run.RunConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What the documents name has to exist. */
class DocumentsTest {
    private static final Path ROOT = Path.of("..");
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:\\s]+)(#[^)]*)?\\)");
    private static final Pattern KEY_ROW = Pattern.compile("(?m)^\\| `([a-z]+\\.[A-Za-z0-9]+)` \\|");

    @Test
    void linksLeadToFiles() throws IOException {
        List<String> broken = new ArrayList<>();
        for (Path document : documents()) {
            Matcher link = LINK.matcher(Files.readString(document));
            while (link.find()) {
                if (!Files.exists(document.resolveSibling(link.group(1)))) {
                    broken.add(document + " -> " + link.group(1));
                }
            }
        }

        assertThat(broken).isEmpty();
    }

    @Test
    void everyRowOfATableHasTheCellsOfItsHead() throws IOException {
        List<String> wrong = new ArrayList<>();
        for (Path document : documents()) {
            int cells = 0;
            for (String line : Files.readAllLines(document)) {
                int found = line.startsWith("|") ? line.split("(?<!\\\\)\\|", -1).length : 0;
                if (cells > 0 && found > 0 && found != cells) {
                    wrong.add(document + ": " + line);
                }
                cells = found == 0 ? 0 : cells == 0 ? found : cells;
            }
        }

        assertThat(wrong).isEmpty();
    }

    @Test
    void everyKeyOfATrainingConfigHasOneRow() throws IOException {
        List<String> keys = new ArrayList<>();
        JsonParser.parseString(ConfigSchema.json(RunConfig.class, Map.of()))
                .getAsJsonObject()
                .getAsJsonObject("properties")
                .asMap()
                .forEach((section, value) -> {
                    JsonObject inside = value.getAsJsonObject().getAsJsonObject("properties");
                    if (inside != null) {
                        inside.keySet().forEach(key -> keys.add(section + "." + key));
                    }
                });
        List<String> rows = KEY_ROW.matcher(Files.readString(ROOT.resolve("docs/configs.md")))
                .results()
                .map(row -> row.group(1))
                .toList();

        assertThat(rows).containsExactlyInAnyOrderElementsOf(keys);
    }

    @Test
    void everyMethodHasARowAndAPlaceInTheReadme() throws IOException {
        String section = Files.readString(ROOT.resolve("docs/configs.md"))
                .split("\n## Methods\n")[1]
                .split("\n## ")[0];
        List<String> methods = ConfigPresets.of(RunConfig.class).orElseThrow().names();

        assertThat(Pattern.compile("(?m)^\\| `([a-z0-9-]+)` \\|")
                        .matcher(section)
                        .results()
                        .map(row -> row.group(1)))
                .containsExactlyElementsOf(methods);
        String readme = Files.readString(ROOT.resolve("README.md"));
        assertThat(methods).allSatisfy(method -> assertThat(readme).contains("`" + method + "`"));
    }

    private static List<Path> documents() throws IOException {
        List<Path> found = new ArrayList<>();
        for (Path folder : List.of(ROOT, ROOT.resolve("docs"))) {
            int depth = folder.equals(ROOT) ? 1 : Integer.MAX_VALUE;
            try (Stream<Path> files = Files.walk(folder, depth)) {
                files.filter(file -> file.toString().endsWith(".md")).forEach(found::add);
            }
        }
        assertThat(found).hasSizeGreaterThan(10);
        return found;
    }
}
