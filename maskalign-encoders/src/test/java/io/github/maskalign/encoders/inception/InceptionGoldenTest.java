package io.github.maskalign.encoders.inception;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.evaluate.FeatureExtractor.Features;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.script.ScriptTrust;
import io.github.maskalign.encoders.inception.InceptionExtractor.InceptionSuite;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The native network next to the classes of torch-fidelity and pytorch-fid, with the same made-up weights. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Tag("bits")
@Tag("device")
class InceptionGoldenTest {
    private static final double TOLERANCE = 1e-4; // the goal; fp32 through 48 convolutions, found below 2e-6

    private NDManager manager;
    private InceptionExtractor adm;
    private InceptionExtractor pytorchFid;

    @BeforeAll
    void open() throws IOException {
        manager = NDManager.newBaseManager();
        adm = InceptionExtractor.of(
                Engine.getInstance().defaultDevice(), HashedWeights.stateDict(), InceptionSuite.ADM);
        pytorchFid = InceptionExtractor.of(
                Engine.getInstance().defaultDevice(), HashedWeights.stateDict(), InceptionSuite.PYTORCH_FID);
    }

    @AfterAll
    void close() {
        adm.close();
        pytorchFid.close();
        manager.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"small", "odd", "large", "exact"})
    void featuresEqualThoseOfTheRealClasses(String name) {
        GoldenCase golden = GoldenCase.load(InceptionGoldenTest.class, "inception", name, manager);

        Features found = adm.extract(golden.get("images"));
        Features other = pytorchFid.extract(golden.get("images"));

        assertClose(found.pooled(), golden.get("adm/pooled"));
        assertClose(Objects.requireNonNull(found.spatial()).get(":, ::7"), golden.get("adm/spatial"));
        assertClose(Objects.requireNonNull(found.logits()), golden.get("adm/logits"));
        assertClose(other.pooled(), golden.get("pytorch-fid/pooled"));
        if (!name.equals("exact")) { // else there is nothing to resize, and the scaling differs little
            assertThat(GoldenCase.relativeError(found.pooled(), other.pooled())).isGreaterThan(TOLERANCE);
        }
    }

    @Test
    @Tag("slow") // writes and reads 95 MB
    void exportedNetworkGivesTheSameFeatures(@TempDir Path folder) throws IOException {
        GoldenCase golden = GoldenCase.load(InceptionGoldenTest.class, "inception", "odd", manager);
        ByteArrayOutputStream archive = new ByteArrayOutputStream();
        adm.network().export(InceptionSuite.ADM, Map.of(), archive);
        Path file = Files.write(folder.resolve("inception.pt"), archive.toByteArray());

        try (ScriptedExtractor scripted =
                ScriptedExtractor.open(Engine.getInstance().defaultDevice(), file, ScriptTrust.trusted(), true)) {
            Features found = scripted.extract(golden.get("images"));
            Features expected = adm.extract(golden.get("images"));

            assertThat(scripted.space().width()).isEqualTo(2048);
            assertThat(scripted.space().spatialWidth()).isEqualTo(2023);
            assertThat(scripted.space().classes()).isEqualTo(1008);
            assertThat(found.pooled()).isEqualTo(expected.pooled());
            assertThat(found.spatial()).isEqualTo(expected.spatial());
            assertThat(found.logits()).isEqualTo(expected.logits());
        }
    }

    private static void assertClose(NDArray found, NDArray expected) {
        assertThat(GoldenCase.relativeError(found, expected)).isLessThan(TOLERANCE);
    }
}
