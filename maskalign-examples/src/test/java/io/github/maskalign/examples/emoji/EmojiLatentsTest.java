package io.github.maskalign.examples.emoji;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.data.PreparedSamples;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.encoders.vae.Autoencoder.LatentMoments;
import io.github.maskalign.encoders.vae.PatchAutoencoder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmojiLatentsTest {
    private static final int LIMIT = 5;

    @TempDir
    Path cache;

    private final List<String> progress = new ArrayList<>();

    private EmojiSet set(String... sets) throws IOException {
        EmojiConfig config = EmojiConfig.ofGroups(List.of(sets), 64, List.of(EmojiGroup.HEARTS, EmojiGroup.CLOCKS));
        return EmojiSet.open(config, cache, EmojiProgress.silent(), LIMIT, () -> PublishedSets.ALL);
    }

    private PreparedSamples open(boolean tokens, boolean images) throws IOException {
        progress.clear();
        return new EmojiLatents(set("twemoji"), cache, tokens, images)
                .open((done, total) -> progress.add(done + "/" + total));
    }

    private Path folder() throws IOException {
        try (Stream<Path> files = Files.list(cache)) {
            return files.filter(file -> file.getFileName().toString().startsWith("emoji-latents-"))
                    .reduce((a, b) -> {
                        throw new IllegalStateException(a + " and " + b);
                    })
                    .orElseThrow();
        }
    }

    private Map<String, Object> times() throws IOException {
        Map<String, Object> out = new TreeMap<>();
        try (Stream<Path> files = Files.list(folder())) {
            for (Path file : files.toList()) {
                out.put(file.getFileName().toString(), Files.getLastModifiedTime(file));
            }
        }
        return out;
    }

    @Test
    void momentsAndTokensAreThoseOfAutoencoderAndTeacher() throws Exception {
        EmojiSet set = set("twemoji");
        try (PreparedSamples samples = open(true, true);
                PatchAutoencoder autoencoder = PatchAutoencoder.embedded(Device.cpu());
                RepresentationEncoder teacher = Encoders.embeddedTeacher(64, 64, Device.cpu());
                NDManager manager = NDManager.newBaseManager(Device.cpu())) {
            assertThat(samples.size()).isEqualTo(set.size()).isEqualTo(LIMIT);
            assertThat(samples.classes()).isEqualTo(2);
            assertThat(samples.layout().latentShape()).isEqualTo(new Shape(4, 16, 16));
            assertThat(samples.layout().tokens()).isEqualTo(65);
            int picture = 3;
            assertThat(samples.label(picture)).isEqualTo(set.entry(picture).label());
            assertThat(samples.name(picture))
                    .isEqualTo("twemoji/" + set.entry(picture).name());
            byte[] image = new byte[set.pictureBytes()];
            samples.readImage(picture, image, 0);
            assertThat(image).isEqualTo(set.pixels(picture));

            var input = OwnedArrays.of(manager, new Shape(1, 3, 64, 64), set.pixels(picture));
            LatentMoments moments = autoencoder.encode(input);
            EncoderTokens tokens = teacher.encode(input);
            float[] found = new float[2048];
            samples.readMoments(picture, found, 0);
            float[] mean = moments.mean().toFloatArray();
            float[] kept = new float[65 * 128];
            samples.readTokens(picture, kept, 0);
            float[] classToken = tokens.classToken().toFloatArray();

            for (int k = 0; k < mean.length; k++) {
                assertThat(found[k]).isCloseTo(mean[k], within(5e-3f)); // float16, of numbers up to about 4
            }
            for (int k = 0; k < classToken.length; k++) {
                assertThat(kept[k]).isCloseTo(classToken[k], within(0.02f)); // float16, of numbers up to about 10
            }
        }
    }

    @Test
    void secondOpeningComputesNothing() throws Exception {
        open(true, false).close();
        assertThat(progress).isNotEmpty();
        Map<String, Object> before = times();

        open(true, false).close();

        assertThat(progress).isEmpty();
        assertThat(times()).isEqualTo(before);
    }

    @Test
    void damagedShardIsMadeAgain() throws Exception {
        open(false, false).close();
        Path shard = folder().resolve("shard-00000.safetensors");
        byte[] sound = Files.readAllBytes(shard);
        byte[] damaged = sound.clone();
        damaged[damaged.length - 1] ^= 1;
        Files.write(shard, damaged);

        open(false, false).close();

        assertThat(progress).isNotEmpty();
        assertThat(shard).hasBinaryContent(sound);
    }

    @Test
    void latentsOfOtherDrawingsOrWeightsAreMadeAgain() throws Exception {
        open(false, false).close();
        Path record = folder().resolve("shard-00000.json");
        Path index = folder().resolve("index.safetensors");
        String sound = Files.readString(record);
        assertThat(sound).containsPattern("\"vae\": \"[0-9a-f]{64}\"").contains("drawing 2");

        Files.writeString(record, sound.replaceFirst("\"vae\": \"[0-9a-f]{64}\"", "\"vae\": \"another\""));
        open(false, false).close();
        assertThat(progress).isNotEmpty();
        assertThat(record).hasContent(sound);

        Files.writeString(record, "{");
        open(false, false).close();
        assertThat(progress).isNotEmpty();
        assertThat(record).hasContent(sound);

        Files.writeString(index, "no index");
        open(false, false).close();
        assertThat(progress).isNotEmpty();

        Files.delete(index);
        open(false, false).close();
        assertThat(progress).as("the shards are still sound").isEmpty();
        assertThat(index).exists();
    }

    @Test
    void identityFollowsWhatTheyAreMadeFrom() throws Exception {
        String one = new EmojiLatents(set("twemoji"), cache, true, false).identity();

        assertThat(new EmojiLatents(set("twemoji"), cache, true, false).identity())
                .isEqualTo(one);
        assertThat(new EmojiLatents(set("twemoji"), cache, false, false).identity())
                .isNotEqualTo(one);
        assertThat(new EmojiLatents(set("noto"), cache, true, false).identity()).isNotEqualTo(one);
    }
}
