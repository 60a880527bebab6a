package io.github.maskalign.core.config;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Positive;
import io.github.maskalign.core.config.ConfigKey.Range;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Whatever is in a file or an override, binding gives a value or one {@link ConfigException}. */
class ConfigFuzzTest {
    private static final int FAST = 2_000;
    private static final int SLOW = 30_000;

    enum Kind {
        FIRST,
        SECOND
    }

    record Leaf(
            @Positive int count,
            @Range(min = 0, max = 1) double ratio,
            @Default("FIRST") Kind kind) {
        Leaf {
            if (count % 7 == 6) {
                throw new IllegalArgumentException("count must not leave 6 by 7 but was " + count);
            }
        }
    }

    record Root(
            String name,
            Leaf leaf,
            List<Leaf> leaves,
            List<Integer> sizes,
            Optional<Leaf> other,
            @Default("{count: 1, ratio: 0.5}") Leaf last,
            float single,
            long seed) {}

    private static final List<String> DOCUMENTS_TO_MUTATE = List.of("""
            # header
            name: "a b"
            leaf: {count: 3, ratio: 0.25, kind: SECOND}
            leaves:
              - count: 1
                ratio: 1.0e-4
              - {count: 2, ratio: 1}
            sizes: [1, 2, 3]
            other: null
            single: 0.5
            seed: -12345678901
            """, """
            %YAML 1.2
            ---
            ? name
            : |-
              two
              lines
            leaf: &a
              count: 5
              ratio: 0
            leaves: [*a, !!map {count: 1}]
            sizes: []
            other:
              'count': 4
              "rati\\x6f": .5
            single: >
              folded
            seed: 0x10
            ...
            """);

    private static final List<String> PIECES = List.of(
            "&a ",
            "*a",
            "!!int ",
            "! ",
            "---\n",
            "...\n",
            "- ",
            "? ",
            ": ",
            "{",
            "}",
            "[",
            "]",
            ",",
            "|",
            ">",
            "'",
            "\"",
            "#",
            "%TAG ! x\n",
            "<<: ",
            "\t",
            "\n",
            "  ",
            "\u0000",
            "\ufeff",
            "\ud83d\ude00",
            "\ud800",
            "1e999",
            "-",
            ".inf",
            "null",
            "true",
            "9999999999999999999999",
            "\\",
            "\\u",
            "\u0085",
            "\u2028",
            "name",
            "count: 6\n",
            "{{[[",
            "@",
            "`");

    @Test
    void mutatedDocumentsGiveAValueOrAConfigException() {
        mutateDocuments(0, FAST);
    }

    @Test
    void mutatedOverridesGiveAValueOrAConfigException() {
        mutateOverrides(0, FAST);
    }

    @Test
    void randomPiecesGiveAValueOrAConfigException() {
        joinPieces(0, FAST);
    }

    @Test
    @Tag("slow")
    void manyMoreGiveAValueOrAConfigException() {
        mutateDocuments(FAST, SLOW);
        mutateOverrides(FAST, SLOW);
        joinPieces(FAST, SLOW);
    }

    private static void mutateDocuments(int firstSeed, int endSeed) {
        int bound = 0;
        for (int seed = firstSeed; seed < endSeed; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            String text = mutated(DOCUMENTS_TO_MUTATE.get(random.nextInt(2)), random);
            bound += isBound(text, List.of(), seed) ? 1 : 0;
        }
        // A mutation in a comment, a string or a digit leaves a config right: both ends must be reached.
        assertThat(bound).isBetween((endSeed - firstSeed) / 100, (endSeed - firstSeed) / 2);
    }

    private static void mutateOverrides(int firstSeed, int endSeed) {
        List<String> options = List.of(
                "leaf.count=3", "leaves=[{count: 1, ratio: 0}]", "last.kind=SECOND", "name='a'", "other.ratio=1");
        int bound = 0;
        for (int seed = firstSeed; seed < endSeed; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            String option = mutated(options.get(random.nextInt(options.size())), random);
            bound += isBound(DOCUMENTS_TO_MUTATE.get(0), List.of(option), seed) ? 1 : 0;
        }
        assertThat(bound).isBetween((endSeed - firstSeed) / 100, (endSeed - firstSeed) / 2);
    }

    private static void joinPieces(int firstSeed, int endSeed) {
        for (int seed = firstSeed; seed < endSeed; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            StringBuilder text = new StringBuilder();
            for (int n = random.nextInt(30); n > 0; n--) {
                text.append(PIECES.get(random.nextInt(PIECES.size())));
            }
            isBound(text.toString(), List.of(), seed);
        }
    }

    private static boolean isBound(String text, List<String> overrides, int seed) {
        try {
            Root value = ConfigBinder.bindText(text, "fuzz.yaml", overrides, Root.class)
                    .value();
            String written = ConfigWriter.yaml(value);
            assertThat(ConfigBinder.bindText(written, "again.yaml", List.of(), Root.class)
                            .value())
                    .isEqualTo(value);
            return true;
        } catch (ConfigException e) {
            assertThat(e.problems()).isNotEmpty();
            return false;
        } catch (RuntimeException | StackOverflowError e) {
            throw new AssertionError("seed " + seed + ", document:\n" + text + "\noverrides: " + overrides, e);
        }
    }

    private static String mutated(String document, SplittableRandom random) {
        StringBuilder text = new StringBuilder(document);
        for (int n = 1 + random.nextInt(3); n > 0 && text.length() > 0; n--) {
            int at = random.nextInt(text.length());
            int to = Math.min(text.length(), at + 1 + random.nextInt(6));
            switch (random.nextInt(6)) {
                case 0 -> text.delete(at, to);
                case 1 -> text.insert(at, text.substring(at, to));
                case 2 -> text.insert(at, PIECES.get(random.nextInt(PIECES.size())));
                case 3 -> text.setCharAt(at, (char) (' ' + random.nextInt(95)));
                case 4 -> {
                    List<String> lines = new ArrayList<>(text.toString().lines().toList());
                    lines.add(random.nextInt(lines.size() + 1), lines.get(random.nextInt(lines.size())));
                    text = new StringBuilder(String.join("\n", lines) + "\n");
                }
                default -> {
                    byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
                    bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
                    text = new StringBuilder(new String(bytes, StandardCharsets.UTF_8));
                }
            }
        }
        return text.toString();
    }
}
