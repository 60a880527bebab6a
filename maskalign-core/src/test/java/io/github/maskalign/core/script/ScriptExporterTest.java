package io.github.maskalign.core.script;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.training.ParameterStore;
import ai.djl.translate.NoopTranslator;
import io.github.maskalign.core.nn.AdaLnZeroBlock;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScriptExporterTest {
    @TempDir
    Path folder;

    @Test
    void exportedBlockOpensInDjlAndComputesTheSame() throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            AdaLnZeroBlock block = new AdaLnZeroBlock(24, 3, 4, false, Precision.FLOAT32);
            block.initialize(manager, DataType.FLOAT32, new Shape(2, 5, 24), new Shape(2, 24));
            ScriptExporter exporter = new ScriptExporter();
            for (Map.Entry<String, Parameter> p : ParameterKeys.of(block).entrySet()) {
                NDArray value = manager.randomNormal(p.getValue().getShape()).mul(0.1f);
                p.getValue().getArray().set(value.toByteBuffer());
                exporter.weight("blocks.0." + p.getKey(), p.getValue().getArray());
            }
            NDArray x = manager.randomNormal(new Shape(2, 5, 24));
            NDArray c = manager.randomNormal(new Shape(2, 24));
            ParameterStore store = new ParameterStore(manager, false);
            Path file = folder.resolve("block.pt");

            exporter.input("x", x).input("c", c).extra("provenance.json", "{}");
            exporter.export(() -> block.forward(store, new NDList(x, c), false), Files.newOutputStream(file));

            Criteria<NDList, NDList> criteria = Criteria.builder()
                    .setTypes(NDList.class, NDList.class)
                    .optModelPath(file)
                    .optTranslator(new NoopTranslator())
                    .build();
            try (ZooModel<NDList, NDList> model = criteria.loadModel();
                    NDManager other = model.getNDManager().newSubManager()) {
                NDArray longer = other.randomNormal(new Shape(3, 7, 24)); // shapes are not frozen
                NDArray condition = other.randomNormal(new Shape(3, 24));
                NDArray ours = block.forward(store, new NDList(longer, condition), false)
                        .singletonOrThrow();
                NDArray theirs = model.newPredictor()
                        .predict(new NDList(longer, condition))
                        .singletonOrThrow();
                assertThat(theirs.toFloatArray()).isEqualTo(ours.toFloatArray());
            }
        }
    }

    @Test
    void arrayThatNoScriptFunctionMadeIsReported() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray x = manager.ones(new Shape(2, 2));
            ScriptExporter exporter = new ScriptExporter().input("x", x);
            ScriptFunction halves = ScriptFunction.of(ScriptExporterTest.class, "probe.py", "halves");

            assertThatThrownBy(() -> exporter.export(() -> halves.call(x.add(1)), new ByteArrayOutputStream()))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("given to halves was not made by a script function");
            assertThat(ScriptTape.current()).isNull();
        }
    }
}
