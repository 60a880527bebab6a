package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.translate.NoopTranslator;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.script.ScriptModule;
import io.github.maskalign.core.script.ScriptTrust;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("bits")
@Tag("device")
class SiTExportTest {
    private static final int SEED = 31;

    @TempDir
    Path folder;

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
        manager.getEngine().setRandomSeed(SEED);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"sit", "sit-learn-sigma", "repa", "reg", "maskalign", "repa SPARSE", "sit MASKED_PASS"})
    void archiveComputesTheSameBitsForAnotherBatchSize(String family) throws Exception {
        SiT model = TinySiT.moved(TinySiT.family().get(family), manager);
        Path file = folder.resolve("sit.pt");
        SiTExport.write(model, file, Map.of());
        SiTInput in = TinySiT.input(model.config(), manager, null); // three samples; the program was recorded with one
        // products of tokens without the class token are one matrix product or one for each sample: the engine takes
        // the
        // former if gradients of the weights are wanted, and an archive's are not; both need not round alike
        Weights.of(model).values().forEach(weight -> weight.setRequiresGradient(false));
        SiTOutput expected = TinySiT.run(model, in);

        Criteria<NDList, NDList> criteria = Criteria.builder()
                .setTypes(NDList.class, NDList.class)
                .optModelPath(file)
                .optDevice(manager.getDevice())
                .optTranslator(new NoopTranslator())
                .build();
        try (ZooModel<NDList, NDList> opened = criteria.loadModel()) {
            NDList found = opened.newPredictor().predict(TinySiT.list(in));

            assertThat(found).hasSize(expected.classVelocity() == null ? 1 : 2);
            assertThat(found.get(0).toFloatArray())
                    .isEqualTo(expected.velocity().toFloatArray());
            if (expected.classVelocity() != null) {
                assertThat(found.get(1).toFloatArray())
                        .isEqualTo(expected.classVelocity().toFloatArray());
            }
        }
    }

    @Test
    void precisionIsPartOfTheArchive() throws Exception {
        SiT model = TinySiT.fresh(TinySiT.plain(), Precision.BFLOAT16, manager);
        TinySiT.move(model, manager);
        Path file = folder.resolve("sit.pt");
        SiTExport.write(model, file, Map.of());
        SiTInput in = TinySiT.input(model.config(), manager, null);

        try (ScriptModule module = ScriptModule.open(manager.getDevice(), file, ScriptTrust.trusted())) {
            NDArray found = module.call(manager, in.x(), in.t(), in.y()).singletonOrThrow();

            assertThat(found.toFloatArray())
                    .isEqualTo(TinySiT.run(model, in).velocity().toFloatArray());
        }
    }

    @Test
    void sameModelGivesTheSameBytesAndCarriesItsConfiguration() throws Exception {
        SiT model = TinySiT.moved(TinySiT.reg(), manager);
        Path first = folder.resolve("a.pt");
        Path second = folder.resolve("b.pt");

        SiTExport.write(model, first, Map.of("provenance.txt", "run 7"));
        SiTExport.write(model, second, Map.of("provenance.txt", "run 7"));

        assertThat(first).hasSameBinaryContentAs(second);
        Map<String, String> texts = new LinkedHashMap<>();
        try (ZipFile zip = new ZipFile(first.toFile())) {
            for (String name : new String[] {"sit-config.txt", "provenance.txt"}) {
                byte[] bytes = zip.getInputStream(zip.getEntry("archive/extra/" + name))
                        .readAllBytes();
                texts.put(name, new String(bytes, StandardCharsets.UTF_8));
            }
        }
        assertThat(texts).containsEntry("provenance.txt", "run 7");
        assertThat(texts.get("sit-config.txt")).contains("hiddenSize=24").contains("classTokenWidth=11");
    }

    @Test
    void exportLeavesNothingBehind() throws Exception {
        SiT model = TinySiT.moved(TinySiT.plain(), manager);
        int arrays = manager.getManagedArrays().size();

        SiTExport.write(model, folder.resolve("sit.pt"), Map.of());

        assertThat(manager.getManagedArrays()).hasSize(arrays);
        try (var files = Files.list(folder)) {
            assertThat(files).hasSize(1);
        }
    }

    @Test
    void modelWithoutWeightsIsRefused() {
        Path file = folder.resolve("sit.pt");

        assertThatThrownBy(() -> SiTExport.write(new SiT(TinySiT.plain()), file, Map.of()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("the model has no weights yet: call initialize before exporting it");
        assertThat(file).doesNotExist();
    }

    @Test
    void oldFileStaysWhenAWeightCannotBeWritten() throws Exception {
        SiT model = TinySiT.moved(TinySiT.plain(), manager);
        Path file = folder.resolve("sit.pt");
        Files.writeString(file, "old");

        NDManager gone = NDManager.newBaseManager();
        SiT closed = TinySiT.fresh(TinySiT.plain(), gone);
        gone.close();

        assertThatThrownBy(() -> SiTExport.write(closed, file, Map.of())).isInstanceOf(RuntimeException.class);
        assertThat(file).hasContent("old");
        assertThat(manager.ones(new Shape(1)).getFloat()).isEqualTo(1f);
        SiTExport.write(model, file, Map.of());
        assertThat(Files.size(file)).isGreaterThan(1000);
    }
}
