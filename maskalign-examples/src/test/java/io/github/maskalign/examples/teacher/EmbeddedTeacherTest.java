package io.github.maskalign.examples.teacher;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.script.ScriptTrust;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.encoders.vit.Vit;
import io.github.maskalign.encoders.vit.VitConfig;
import io.github.maskalign.examples.emoji.EmojiConfig;
import io.github.maskalign.examples.emoji.EmojiSet;
import io.github.maskalign.examples.training.Retrieval;
import io.github.maskalign.examples.training.RetrievalEvaluation;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmbeddedTeacherTest {
    private static final int GALLERY = 200;

    @TempDir
    Path cache;

    /** Draws two sets and encodes 300 pictures: some ten seconds. */
    @Test
    @Tag("slow")
    void findsDrawingsOfAnArtistItHasNeverSeenBetterThanRandomWeightsDo() throws Exception {
        EmojiSet pictures = EmojiSet.open(
                new EmojiConfig(List.of("noto", "fxemoji"), 32, false, false), cache, (done, total) -> {});
        RetrievalEvaluation evaluation = new RetrievalEvaluation(pictures, "fxemoji", "noto", GALLERY);
        Path untrained = cache.resolve("untrained.pt");
        try (NDManager manager = NDManager.newBaseManager()) {
            manager.getEngine().setRandomSeed(1);
            Vit vit = new Vit(VitConfig.EMOJI, Precision.FLOAT32);
            vit.initialize(manager, DataType.FLOAT32, new Shape(1, 3, 32, 32));
            vit.export(Weights.of(vit), Map.of(), Files.newOutputStream(untrained));
        }

        try (RepresentationEncoder teacher = Encoders.embeddedTeacher();
                RepresentationEncoder random = Encoders.open(untrained, "emoji-vit", ScriptTrust.trusted())) {
            double best = evaluation.of(random).values().stream()
                    .mapToDouble(Retrieval::top1)
                    .max()
                    .orElseThrow();
            // measured on all drawings the teacher finds about four times as many
            assertThat(evaluation.of(teacher).values())
                    .allSatisfy(found -> assertThat(found.top1()).isGreaterThan(best));
        }
    }

    /** Draws two sets: some ten seconds. */
    @Test
    @Tag("slow")
    void pairsFollowFromThePositionAloneAndDifferInArtist() throws Exception {
        EmojiSet pictures = EmojiSet.open(
                new EmojiConfig(List.of("noto", "fxemoji"), 32, false, false), cache, (done, total) -> {});
        DrawingPairs pairs = new DrawingPairs(pictures, List.of("noto", "fxemoji"), new Draws(3));
        int picture = pictures.pictureBytes();

        byte[] together = pairs.views(10, 4);
        byte[] second = pairs.views(11, 1);

        assertThat(Arrays.copyOfRange(together, picture, 2 * picture)).isEqualTo(Arrays.copyOf(second, picture));
        assertThat(Arrays.copyOfRange(together, 5 * picture, 6 * picture))
                .isEqualTo(Arrays.copyOfRange(second, picture, 2 * picture));
        assertThat(Arrays.copyOf(second, picture)).isNotEqualTo(Arrays.copyOfRange(second, picture, 2 * picture));
        assertThatThrownBy(() -> new DrawingPairs(pictures, List.of("noto"), new Draws(3)))
                .hasMessage("no emoji was drawn by two of the sets [noto]");
    }
}
