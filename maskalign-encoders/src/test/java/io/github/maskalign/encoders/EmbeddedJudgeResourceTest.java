package io.github.maskalign.encoders;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.golden.GoldenCase;
import java.io.InputStream;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("bits")
@Tag("device")
class EmbeddedJudgeResourceTest {
    private static final int LARGEST = 6 * 1024 * 1024;
    /** float32 through eleven convolutions against float64, on any processor. */
    private static final double TOLERANCE = 1e-4;

    @Test
    void archiveIsSmallAndTheOneItsProvenanceDescribes() throws Exception {
        byte[] archive;
        try (InputStream in = Encoders.class.getResourceAsStream("emoji-judge.pt")) {
            archive = in.readAllBytes();
        }

        assertThat(archive).hasSizeLessThanOrEqualTo(LARGEST);
        assertThat(judge().get("sha256").getAsString()).isEqualTo(Digests.sha256(archive));
    }

    /** Of five hits it finds more than pixels do; of one, a little less: outlines alone name many emoji. */
    @Test
    void provenanceSaysThatTheJudgeFindsMoreThanPixelsAmongFiveAndMoreThanRandomWeights() throws Exception {
        JsonObject found = judge().getAsJsonObject("retrieval");
        String judge = "judge, 16 tokens, class token";
        String random = "random weights, 16 tokens, class token";

        assertThat(share(found, judge, "top5")).isGreaterThan(share(found, "pixels", "top5"));
        assertThat(share(found, judge, "top1")).isGreaterThan(3 * share(found, random, "top1"));
    }

    @Test
    void judgeAndTeacherShareNeitherSeedNorConfigNorLabelsAndNeitherHasSeenTheHeldOutArtist() throws Exception {
        JsonObject judge = judge();
        JsonObject teacher =
                JsonParser.parseString(Encoders.embeddedProvenance()).getAsJsonObject();

        for (String key : new String[] {"seed", "config_sha256", "what", "sha256"}) {
            assertThat(judge.get(key)).as(key).isNotEqualTo(teacher.get(key));
        }
        assertThat(judge.get("labels").toString()).isEqualTo("[\"emoji\",\"category\",\"artist\",\"damage\"]");
        for (JsonObject one : new JsonObject[] {judge, teacher}) {
            JsonElement heldOut = one.get("held_out");
            assertThat(heldOut.getAsJsonObject().get("set").getAsString()).isEqualTo("fxemoji");
            assertThat(one.getAsJsonArray("trained_on")).doesNotContain(heldOut);
        }
    }

    @Test
    void featuresAreThoseOfPytorch() throws Exception {
        try (NDManager manager = NDManager.newBaseManager();
                RepresentationEncoder judge =
                        Encoders.embeddedJudge(64, Engine.getInstance().defaultDevice())) {
            GoldenCase golden = GoldenCase.load(EmbeddedJudgeResourceTest.class, "judge", "features", manager);

            EncoderTokens out = judge.encode(golden.get("inputs/pictures"));

            assertClose(out.classToken(), golden.get("outputs/feature"));
            assertClose(out.patchTokens(), golden.get("outputs/cells"));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {16, 32, 48, 64, 100, 128, 256})
    void picturesOfAnySideGiveOneFeatureAndSixteenCells(int side) throws Exception {
        try (RepresentationEncoder judge =
                        Encoders.embeddedJudge(side, Engine.getInstance().defaultDevice());
                NDManager manager = NDManager.newBaseManager()) {
            byte[] bytes = new byte[3 * side * side];
            new SplittableRandom(8).nextBytes(bytes);

            EncoderTokens out = judge.encode(OwnedArrays.of(manager, new Shape(1, 3, side, side), bytes));

            assertThat(judge.width()).isEqualTo(192);
            assertThat(judge.tokens(side)).isEqualTo(16);
            assertThat(out.classToken().getShape()).isEqualTo(new Shape(1, 192));
            assertThat(out.patchTokens().getShape()).isEqualTo(new Shape(1, 16, 192));
        }
    }

    private static void assertClose(NDArray found, NDArray expected) {
        double off = found.sub(expected).norm().getFloat() / expected.norm().getFloat();
        assertThat(off).isLessThan(TOLERANCE);
    }

    private static JsonObject judge() throws Exception {
        return JsonParser.parseString(Encoders.judgeProvenance()).getAsJsonObject();
    }

    private static double share(JsonObject found, String what, String key) {
        return found.getAsJsonObject(what).get(key).getAsDouble();
    }
}
