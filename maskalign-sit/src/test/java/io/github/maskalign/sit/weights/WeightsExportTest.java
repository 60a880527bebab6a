package io.github.maskalign.sit.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.files.internal.TorchFileWriter;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.sit.SiTOutput;
import io.github.maskalign.sit.weights.SiTWeights.ImportOptions;
import io.github.maskalign.sit.weights.WeightsExport.Extra;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class WeightsExportTest {
    @TempDir
    Path folder;

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @CsvSource({"repa,REPA", "reg,REG", "maskalign,MASKALIGN", "irepa-conv,IREPA", "irepa-mlp,IREPA"})
    void keysAndBitsAreTheProjectsOwnAgain(String name, WeightsFamily family) throws Exception {
        try (Fixture fixture = Fixture.open(name, manager)) {
            WeightsExport export = WeightsExport.of(fixture.read(), family, Extra.REFUSE);

            assertThat(export.tensors().keys())
                    .containsExactlyInAnyOrderElementsOf(fixture.tensors().keys());
            assertSameBits(export.tensors(), fixture.tensors());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "repa,REPA",
        "reg,REG",
        "maskalign,MASKALIGN",
        "redi,SIT",
        "sit-official,SIT",
        "irepa-mlp,REPA",
        "irepa-conv,SIT"
    })
    void writtenFileReadsBackBitForBitWithoutBeingTold(String name, WeightsFamily family) throws Exception {
        Path file = folder.resolve("out.pt");
        try (Fixture fixture = Fixture.open(name, manager)) {
            SiTWeights weights = fixture.read();
            assertThat(WeightsExport.naturalFamily(weights)).isEqualTo(family);
            WeightsExport export = WeightsExport.of(weights, family, Extra.REFUSE);
            Map<String, Object> content = new LinkedHashMap<>();
            content.put("ema", export.tensors());
            content.putAll(export.metadata());
            TorchFileWriter.write(file, content);

            try (WeightsFile written = WeightsFile.open(file)) {
                SiTWeights again =
                        SiTWeights.read("again", written.stateDict("ema"), written.metadata(), ImportOptions.AUTO);

                assertThat(again.config()).isEqualTo(weights.config());
                assertThat(again.family()).isEqualTo(family);
                assertThat(again.time()).isEqualTo(weights.time());
                assertSameBits(again.tensors(), weights.tensors());
                Map<String, String> metadata = new LinkedHashMap<>(weights.metadata());
                metadata.put("family", family.id());
                assertThat(again.metadata()).isEqualTo(metadata);
                assertThat(metadata)
                        .containsEntry("source_family", weights.family().id());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"irepa-conv", "irepa-mlp"})
    void irepasFilesAreReadBackWithTheSameOutputs(String name) throws Exception {
        try (Fixture fixture = Fixture.open(name, manager)) {
            WeightsExport export = WeightsExport.of(fixture.read(), WeightsFamily.IREPA, Extra.REFUSE);
            SiTWeights again = SiTWeights.read("again", export.tensors(), export.metadata(), ImportOptions.AUTO);

            assertThat(again.family()).isEqualTo(WeightsFamily.IREPA);
            SiTOutput out = fixture.outputs(again.load(manager, Precision.FLOAT32), manager);
            SiTOutput direct = fixture.outputs(fixture.read().load(manager, Precision.FLOAT32), manager);
            assertThat(out.projected().get(0)).isEqualTo(direct.projected().get(0));
            assertThat(GoldenCase.relativeError(out.velocity(), fixture.golden.get("outputs/v")))
                    .isLessThan(1e-5); // float32 over a whole model
        }
    }

    @Test
    void repaHasNoConvolutions() throws Exception {
        try (Fixture fixture = Fixture.open("irepa-conv", manager)) {
            assertThatThrownBy(() -> WeightsExport.of(fixture.read(), WeightsFamily.REPA, Extra.REFUSE))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("repa has projectors of linear layers")
                    .hasMessageContaining("irepa has them too");
        }
    }

    @Test
    void officialSitGetsItsAxisBackAndNoProjectors() throws Exception {
        try (Fixture fixture = Fixture.open("repa", manager)) {
            WeightsExport export = WeightsExport.of(fixture.read(), WeightsFamily.SIT_OFFICIAL, Extra.REFUSE);

            assertThat(export.tensors().keys()).noneMatch(key -> key.startsWith("projectors."));
            assertThat(export.metadata()).containsEntry("time_convention", "data-at-1");
            assertThat(export.notes()).anyMatch(note -> note.contains("left out the projectors"));
            SiTWeights again = SiTWeights.read("again", export.tensors(), export.metadata(), ImportOptions.AUTO);
            NDArray t = fixture.golden.get("inputs/t").neg().add(1);
            SiTOutput out = fixture.run(again.load(manager, Precision.FLOAT32), manager, t);
            // float32 over a whole model whose first layer was rounded once more
            assertThat(GoldenCase.relativeError(
                            out.velocity(), fixture.golden.get("outputs/v").neg()))
                    .isLessThan(1e-5);
        }
    }

    @Test
    void mixerIsKeptRefusedOrDroppedAsAsked() throws Exception {
        try (Fixture fixture = Fixture.open("maskalign", manager)) {
            SiTWeights weights = fixture.read();

            WeightsExport kept = WeightsExport.of(weights, WeightsFamily.REG, Extra.KEEP);
            WeightsExport dropped = WeightsExport.of(weights, WeightsFamily.REG, Extra.DROP);

            assertThat(kept.tensors().keys()).isEqualTo(weights.tensors().keys());
            assertThat(kept.notes()).anyMatch(note -> note.contains("its own loader is strict and refuses them"));
            assertThat(dropped.tensors().keys()).noneMatch(key -> key.startsWith("mixer."));
            assertThat(dropped.notes()).anyMatch(note -> note.contains("another network"));
            assertThat(dropped.metadata()).containsEntry("mixer", "0");
            assertThat(SiTWeights.read("again", dropped.tensors(), dropped.metadata(), ImportOptions.AUTO)
                            .config()
                            .mixer()
                            .layers())
                    .isZero();
            assertThatThrownBy(() -> WeightsExport.of(weights, WeightsFamily.REG, Extra.REFUSE))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("reg has neither mixer.* nor mask_token");
        }
    }

    @Test
    void modelThatAProjectDoesNotHaveIsRefusedWithAllReasons() throws Exception {
        try (Fixture reg = Fixture.open("reg", manager);
                Fixture plain = Fixture.open("sit-official", manager)) {
            SiTWeights withToken = reg.read();
            SiTWeights bare = plain.read();

            assertThatThrownBy(() -> WeightsExport.of(withToken, WeightsFamily.REPA, Extra.KEEP))
                    .hasMessageContaining("repa has no class token, and these weights generate one of width 10");
            assertThatThrownBy(() -> WeightsExport.of(withToken, WeightsFamily.SIT_OFFICIAL, Extra.KEEP))
                    .hasMessageContaining("sit-official has no class token");
            assertThatThrownBy(() -> WeightsExport.of(bare, WeightsFamily.REG, Extra.KEEP))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("reg needs a class token")
                    .hasMessageContaining("wants projectors");
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"REPA_E", "REPA_LEGACY", "REGLUE", "REDI"})
    void otherFamiliesAreNotWritten(WeightsFamily family) throws Exception {
        try (Fixture fixture = Fixture.open("repa", manager)) {
            SiTWeights weights = fixture.read();

            assertThatThrownBy(() -> WeightsExport.of(weights, family, Extra.KEEP))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("but not as " + family.id());
        }
    }

    private static void assertSameBits(StateDict found, StateDict expected) throws IOException {
        for (String key : expected.keys()) {
            assertThat(found.get(key).type()).isEqualTo(expected.get(key).type());
            assertThat(found.get(key).floats())
                    .as(key)
                    .isEqualTo(expected.get(key).floats());
        }
    }
}
