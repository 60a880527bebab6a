package io.github.maskalign.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.files.internal.Digests;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Fixtures change only together with the list that the script which makes them writes. */
class GoldenFilesTest {
    private static final Path ROOT = Path.of("..");

    @Test
    void fixturesAreThoseOfTheList() throws IOException {
        TreeMap<String, String> listed = new TreeMap<>();
        for (String line : Files.readAllLines(ROOT.resolve("scripts/golden/SHA256SUMS"))) {
            listed.put(line.substring(66), line.substring(0, 64)); // as sha256sum writes: hash, two spaces, name
        }
        TreeMap<String, String> found = new TreeMap<>();
        for (Path file : fixtures()) {
            found.put(ROOT.relativize(file).toString(), Digests.sha256(file));
        }

        assertThat(found).isNotEmpty().containsExactlyEntriesOf(listed);
    }

    private static List<Path> fixtures() throws IOException {
        List<Path> all = new ArrayList<>();
        try (Stream<Path> modules = Files.list(ROOT)) {
            for (Path module : modules.toList()) {
                Path golden = module.resolve("src/test/resources/golden");
                if (Files.isDirectory(golden)) {
                    try (Stream<Path> files = Files.walk(golden)) {
                        files.filter(Files::isRegularFile).forEach(all::add);
                    }
                }
            }
        }
        return all;
    }
}
