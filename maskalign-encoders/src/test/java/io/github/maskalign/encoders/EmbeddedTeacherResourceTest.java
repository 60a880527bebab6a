package io.github.maskalign.encoders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.EncoderTokens;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.files.OwnedArrays;
import java.io.InputStream;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("bits")
class EmbeddedTeacherResourceTest {
    private static final int LARGEST = 6 * 1024 * 1024;

    @Test
    void archiveIsSmallAndTheOneItsProvenanceDescribes() throws Exception {
        byte[] archive;
        try (InputStream in = Encoders.class.getResourceAsStream("emoji-vit.pt")) {
            archive = in.readAllBytes();
        }
        JsonObject provenance =
                JsonParser.parseString(Encoders.embeddedProvenance()).getAsJsonObject();

        assertThat(archive).hasSizeLessThanOrEqualTo(LARGEST);
        assertThat(provenance.get("sha256").getAsString())
                .isEqualTo(HexFormat.of()
                        .formatHex(MessageDigest.getInstance("SHA-256").digest(archive)));
    }

    @Test
    void provenanceSaysThatTheTeacherFindsMoreThanPixelsAndRandomWeights() throws Exception {
        JsonObject found = JsonParser.parseString(Encoders.embeddedProvenance())
                .getAsJsonObject()
                .getAsJsonObject("retrieval");

        for (String kind : new String[] {"class token", "mean patch token"}) {
            double teacher = top1(found, "teacher, 64 tokens, " + kind);
            assertThat(teacher).isGreaterThan(top1(found, "random weights, 64 tokens, " + kind));
        }
        assertThat(top1(found, "teacher, 64 tokens, class token")).isGreaterThan(top1(found, "pixels"));
    }

    @ParameterizedTest
    @ValueSource(ints = {64, 256})
    void picturesOf32PixelsGiveTheTokensAskedFor(int tokens) throws Exception {
        try (RepresentationEncoder teacher = Encoders.embeddedTeacher(tokens);
                NDManager manager = NDManager.newBaseManager()) {
            byte[] bytes = new byte[2 * 3 * 32 * 32];
            new SplittableRandom(8).nextBytes(bytes);
            NDArray images = OwnedArrays.of(manager, new Shape(2, 3, 32, 32), bytes);

            EncoderTokens out = teacher.encode(images);

            assertThat(teacher.width()).isEqualTo(128);
            assertThat(teacher.tokens(32)).isEqualTo(tokens);
            assertThat(out.classToken().getShape()).isEqualTo(new Shape(2, 128));
            assertThat(out.patchTokens().getShape()).isEqualTo(new Shape(2, tokens, 128));
        }
    }

    /** Resizing changes no plain picture, so what the teacher sees of one of any side is the same. */
    @Test
    void picturesOfOtherSidesAreSeenAt32Pixels() throws Exception {
        try (RepresentationEncoder usual = Encoders.embeddedTeacher();
                RepresentationEncoder halved = Encoders.embeddedTeacherOf(64, Device.cpu());
                NDManager manager = NDManager.newBaseManager()) {
            EncoderTokens small = usual.encode(plain(manager, 32));
            EncoderTokens large = halved.encode(plain(manager, 64));

            assertThat(halved.tokens(64)).isEqualTo(64);
            assertThat(large.patchTokens().getShape()).isEqualTo(new Shape(1, 64, 128));
            float[] expected = small.classToken().toFloatArray();
            float[] found = large.classToken().toFloatArray();
            for (int k = 0; k < expected.length; k++) {
                // 1e-3: the four weights of the resize add up to 1 but for rounding, which a dozen blocks pass on
                assertThat(found[k]).isCloseTo(expected[k], within(1e-3f));
            }
        }
        assertThatThrownBy(() -> Encoders.embeddedTeacherOf(60, Device.cpu()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("a multiple of 8 pixels but had 60");
    }

    private static NDArray plain(NDManager manager, int side) {
        byte[] bytes = new byte[3 * side * side];
        Arrays.fill(bytes, 0, side * side, (byte) 200);
        return OwnedArrays.of(manager, new Shape(1, 3, side, side), bytes);
    }

    @Test
    void otherNumbersOfTokensAreRefused() {
        assertThatThrownBy(() -> Encoders.embeddedTeacher(100))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the embedded teacher gives 64 or 256 tokens but was asked for 100");
    }

    private static double top1(JsonObject found, String what) {
        return found.getAsJsonObject(what).get("top1").getAsDouble();
    }
}
