package io.github.maskalign.encoders;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.files.internal.OwnedArrays;
import java.io.InputStream;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("bits")
@Tag("device")
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
        try (RepresentationEncoder teacher =
                        Encoders.embeddedTeacher(tokens, Engine.getInstance().defaultDevice());
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

    @ParameterizedTest
    @CsvSource({"64, 16", "64, 64", "64, 48", "64, 100", "64, 256", "256, 64", "256, 256", "256, 80"})
    void picturesOfOtherSidesGiveTheTokensAskedFor(int tokens, int side) throws Exception {
        try (RepresentationEncoder teacher = Encoders.embeddedTeacher(
                        tokens, side, Engine.getInstance().defaultDevice());
                NDManager manager = NDManager.newBaseManager()) {
            byte[] bytes = new byte[3 * side * side];
            new SplittableRandom(8).nextBytes(bytes);

            EncoderTokens out = teacher.encode(OwnedArrays.of(manager, new Shape(1, 3, side, side), bytes));

            assertThat(teacher.tokens(side)).isEqualTo(tokens);
            assertThat(out.patchTokens().getShape()).isEqualTo(new Shape(1, tokens, 128));
        }
    }

    @Test
    void enlargedPicturesLookToTheTeacherAsTheyWere() throws Exception {
        byte[] small = new byte[3 * 32 * 32];
        new SplittableRandom(8).nextBytes(small);
        byte[] large = new byte[3 * 96 * 96];
        for (int k = 0; k < large.length; k++) {
            int row = k / 96;
            large[k] = small[row / 96 * 1024 + row % 96 / 3 * 32 + k % 96 / 3];
        }
        try (RepresentationEncoder own =
                        Encoders.embeddedTeacher(64, Engine.getInstance().defaultDevice());
                RepresentationEncoder wide =
                        Encoders.embeddedTeacher(64, 96, Engine.getInstance().defaultDevice());
                NDManager manager = NDManager.newBaseManager()) {
            EncoderTokens before = own.encode(OwnedArrays.of(manager, new Shape(1, 3, 32, 32), small));
            int owned = manager.getManagedArrays().size();
            EncoderTokens after = wide.encode(OwnedArrays.of(manager, new Shape(1, 3, 96, 96), large));

            assertThat(manager.getManagedArrays()).hasSize(owned + 3); // pictures and two kinds of tokens
            assertThat(after.patchTokens().toFloatArray())
                    .isEqualTo(before.patchTokens().toFloatArray());
        }
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
