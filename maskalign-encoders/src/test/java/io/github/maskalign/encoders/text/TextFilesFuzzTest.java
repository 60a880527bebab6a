package io.github.maskalign.encoders.text;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.fuzz.Bytes;
import io.github.maskalign.core.fuzz.Fuzz;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Damaged tokenizers and configs are read or refused with the one documented exception, in bounded time and memory. What
 * is read has to cut captions: the native library must get nothing that it could fail on, as it could take the JVM along.
 */
class TextFilesFuzzTest {
    private static final int FAST = 2_000;
    private static final int SLOW = 100_000;
    private static final Path GOLDEN = Path.of("src", "test", "resources", "golden", "clip-text");
    private static final Path TOKENIZERS = GOLDEN.resolve("tokenizers");

    @TempDir
    Path folder;

    private List<String> captions = List.of();

    @BeforeEach
    void chooseCaptions() throws IOException {
        captions = ClipTokenizerGoldenTest.captions(ClipTokenizerGoldenTest.golden()).stream()
                .filter(caption -> caption.length() < 60)
                .toList();
    }

    @Test
    void damagedTokenizersAreReadOrRefused() throws IOException {
        assertThat(tokenizers(FAST)).isBetween(FAST / 20, FAST * 9 / 10);
    }

    @Test
    void damagedVocabulariesAreReadOrRefused() throws IOException {
        assertThat(vocabularies(FAST)).isBetween(FAST / 20, FAST * 9 / 10);
    }

    @Test
    void damagedConfigsAreReadOrRefused() throws IOException {
        assertThat(configs(FAST)).isBetween(FAST / 20, FAST * 9 / 10);
    }

    @Test
    @Tag("slow")
    void manyDamagedTokenizersAreReadOrRefused() throws IOException {
        assertThat(tokenizers(SLOW)).isBetween(SLOW / 20, SLOW * 9 / 10);
    }

    @Test
    @Tag("slow")
    void manyDamagedVocabulariesAreReadOrRefused() throws IOException {
        assertThat(vocabularies(SLOW)).isBetween(SLOW / 20, SLOW * 9 / 10);
    }

    @Test
    @Tag("slow")
    void manyDamagedConfigsAreReadOrRefused() throws IOException {
        assertThat(configs(SLOW)).isBetween(SLOW / 20, SLOW * 9 / 10);
    }

    @Test
    void anyTextIsCut() throws IOException {
        cutRandomTexts(FAST);
    }

    @Test
    @Tag("slow")
    void muchTextIsCut() throws IOException {
        cutRandomTexts(SLOW);
    }

    /** Golden captions in pieces, between code points of all planes. */
    private void cutRandomTexts(int count) throws IOException {
        try (ClipTokenizer tokenizer = ClipTokenizer.open(TOKENIZERS.resolve("extended"), 20)) {
            for (int i = 0; i < count; i++) {
                Random random = Fuzz.random(20261123L + i);
                StringBuilder text = new StringBuilder();
                for (int n = random.nextInt(30); n > 0; n--) {
                    int point = random.nextInt(1 << (4 + random.nextInt(17)));
                    boolean character = Character.isValidCodePoint(point) && (point < 0xd800 || point > 0xdfff);
                    if (character && random.nextInt(4) > 0) {
                        text.appendCodePoint(point);
                    } else {
                        text.append(captions.get(random.nextInt(captions.size())));
                    }
                }

                ClipTokenizer.Tokens tokens = tokenizer.encode(List.of(text.toString()));

                assertThat(tokens.counts()[0]).as("seed %d", i).isBetween(2, 20);
                assertThat(tokens.ids()[0][tokens.counts()[0] - 1])
                        .as("seed %d", i)
                        .isEqualTo(tokenizer.endId());
            }
        }
    }

    private int tokenizers(int count) throws IOException {
        List<byte[]> seeds = List.of(
                SmallVocabulary.tokenizer(Files.readAllBytes(TOKENIZERS.resolve("current/tokenizer.json"))),
                SmallVocabulary.tokenizer(Files.readAllBytes(TOKENIZERS.resolve("older/tokenizer.json"))),
                SmallVocabulary.tokenizer(Files.readAllBytes(TOKENIZERS.resolve("extended/tokenizer.json"))));
        return Fuzz.of(seeds, JsonMutation::apply, CheckpointFormatException.class)
                .run(count, file -> {
                    Files.write(folder.resolve("tokenizer.json"), file);
                    cutCaptions(file.length);
                });
    }

    /** Damages one of the four files at a time; its name is the first byte of the input. */
    private int vocabularies(int count) throws IOException {
        List<String> names = List.of("vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json");
        byte[] ids = Files.readAllBytes(TOKENIZERS.resolve("diffusion-2/vocab.json"));
        List<byte[]> seeds = new ArrayList<>();
        for (String name : names) {
            byte[] whole = Files.readAllBytes(TOKENIZERS.resolve("diffusion-2").resolve(name));
            byte[] file = switch (name) {
                case "vocab.json" -> SmallVocabulary.ids(whole);
                case "merges.txt" -> SmallVocabulary.merges(whole, ids);
                default -> whole;
            };
            Files.write(folder.resolve(name), file);
            seeds.add(file);
        }
        Fuzz.Mutation mutation = (seed, random) -> {
            int which = seeds.indexOf(seed);
            byte[] damaged = which == 1 ? Bytes.mutate(seed, random) : JsonMutation.apply(seed, random);
            byte[] input = new byte[damaged.length + 1];
            input[0] = (byte) which;
            System.arraycopy(damaged, 0, input, 1, damaged.length);
            return input;
        };
        return Fuzz.of(seeds, mutation, CheckpointFormatException.class).run(count, input -> {
            Path file = folder.resolve(names.get(input[0]));
            Files.write(file, Arrays.copyOfRange(input, 1, input.length));
            try {
                cutCaptions(input.length);
            } finally {
                Files.write(file, seeds.get(input[0]));
            }
        });
    }

    private int configs(int count) throws IOException {
        List<byte[]> seeds = List.of(
                Files.readAllBytes(GOLDEN.resolve("plain/config.json")),
                Files.readAllBytes(GOLDEN.resolve("whole/config.json")));
        return Fuzz.of(seeds, JsonMutation::apply, CheckpointFormatException.class)
                .run(count, file -> {
                    Files.write(folder.resolve("config.json"), file);
                    ClipTextConfig config = ClipTextConfig.read(folder);
                    assertThat(config.width() % config.heads()).isZero();
                });
    }

    /** Opens whatever is in the folder and uses it, with captions that change from file to file. */
    private void cutCaptions(int which) throws IOException {
        try (ClipTokenizer tokenizer = ClipTokenizer.open(folder, 20)) {
            int first = which % (captions.size() - 8);
            for (long[] row :
                    tokenizer.encode(captions.subList(first, first + 8)).ids()) {
                for (long id : row) {
                    assertThat(id >= 0 && id <= tokenizer.highestId()).isTrue();
                }
            }
        }
    }
}
