package io.github.maskalign.encoders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.AttentionSize;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.golden.GoldenCase;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The attention of the teacher that comes with the library. */
@Tag("bits")
class EncoderAttentionTest {
    @ParameterizedTest
    @CsvSource({"64, 32", "256, 32", "64, 128"})
    void askedForAttentionTheTeacherGivesTheSameTokens(int tokens, int side) throws Exception {
        try (NDManager manager = NDManager.newBaseManager();
                RepresentationEncoder teacher = Encoders.embeddedTeacher(
                        tokens, side, Engine.getInstance().defaultDevice())) {
            NDArray images = pictures(manager, side);

            EncoderTokens plain = teacher.encode(images);
            EncoderTokens attended = teacher.encode(images, List.of(3, 6));

            assertThat(attended.patchTokens()).isEqualTo(plain.patchTokens());
            assertThat(attended.classToken()).isEqualTo(plain.classToken());
            assertThat(plain.attention()).isEmpty();
            assertThat(attended.attention().keySet()).containsExactlyInAnyOrder(3, 6);
            attended.attention()
                    .values()
                    .forEach(
                            logits -> assertThat(logits.getShape()).isEqualTo(new Shape(2, 4, 1 + tokens, 1 + tokens)));
            assertThat(teacher.attention()).contains(new AttentionSize(6, 4));
        }
    }

    @ParameterizedTest
    @CsvSource({"64", "256"})
    void theTransformerThatGivesTheAttentionHasTheTokensOfTheArchive(int tokens) throws Exception {
        try (NDManager manager = NDManager.newBaseManager();
                EmbeddedTeacher teacher = (EmbeddedTeacher) Encoders.embeddedTeacher(tokens)) {
            NDArray images = pictures(manager, 32);

            EncoderTokens archive = teacher.encode(images);
            EncoderTokens own = teacher.ofTwin(manager, images, List.of(1));

            assertThat(GoldenCase.relativeError(own.patchTokens(), archive.patchTokens()))
                    .isLessThan(1e-5); // two programs in float32 through six blocks
            assertThat(GoldenCase.relativeError(own.classToken(), archive.classToken()))
                    .isLessThan(1e-5);
        }
    }

    @ParameterizedTest
    @CsvSource({"64, 32", "64, 128"})
    void joinedTokensEndWithThoseOfTheLastBlock(int tokens, int side) throws Exception {
        try (NDManager manager = NDManager.newBaseManager();
                RepresentationEncoder teacher =
                        Encoders.embeddedTeacher(tokens, side, Device.cpu()).joined(3)) {
            NDArray images = pictures(manager, side);

            EncoderTokens joined = teacher.encode(images);
            EncoderTokens attended = teacher.encode(images, List.of(2));

            assertThat(teacher.width()).isEqualTo(3 * 128);
            assertThat(joined.patchTokens().getShape()).isEqualTo(new Shape(2, tokens, 3 * 128));
            assertThat(attended.patchTokens()).isEqualTo(joined.patchTokens());
            assertThat(attended.attention()).containsOnlyKeys(2);
            try (RepresentationEncoder plain = Encoders.embeddedTeacher(tokens, side, Device.cpu())) {
                EncoderTokens last = plain.encode(images);
                // two programs in float32 through six blocks
                assertThat(GoldenCase.relativeError(joined.patchTokens().get(":, :, -128:"), last.patchTokens()))
                        .isLessThan(1e-5);
                assertThat(GoldenCase.relativeError(joined.classToken().get(":, -128:"), last.classToken()))
                        .isLessThan(1e-5);
                assertThat(GoldenCase.relativeError(joined.patchTokens().get(":, :, :128"), last.patchTokens()))
                        .isGreaterThan(0.1);
                assertThat(plain.joined(1).encode(images).patchTokens()).isEqualTo(last.patchTokens());
                assertThatThrownBy(() -> plain.joined(7))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("has 6 blocks, but the tokens of the last 7");
            }
        }
    }

    @Test
    void aBlockThatTheTeacherLacksIsNamed() throws Exception {
        try (NDManager manager = NDManager.newBaseManager();
                RepresentationEncoder teacher = Encoders.embeddedTeacher()) {
            NDArray images = pictures(manager, 32);

            assertThatThrownBy(() -> teacher.encode(images, List.of(7)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("from 1 to 6")
                    .hasMessageContaining("block 7");
        }
    }

    private static NDArray pictures(NDManager manager, int side) {
        SplittableRandom random = new SplittableRandom(5);
        float[] values = new float[2 * 3 * side * side];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextInt(256);
        }
        return OwnedArrays.of(manager, new Shape(2, 3, side, side), values).toType(DataType.UINT8, false);
    }
}
