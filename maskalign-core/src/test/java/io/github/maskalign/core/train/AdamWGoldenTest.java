package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.io.SafetensorsFile;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Twenty steps of PyTorch's clip_grad_norm_, AdamW and moving average, to the bit. */
class AdamWGoldenTest {
    private static final int STEPS = 20;

    private NDManager manager;
    private GradMode values;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
        values = GradMode.off();
    }

    @AfterEach
    void close() {
        values.close();
        manager.close();
    }

    @ParameterizedTest
    @CsvSource({
        "lr1e-4-wd0, 1e-4, 0, 0.9999",
        "lr1e-2-wd0.01, 1e-2, 0.01, 0.9",
        "lr3e-3-wd0, 3e-3, 0, 0.9",
        "lr1e-3-wd0.01, 1e-3, 0.01, 0.9999"
    })
    void everyBitEqualsPyTorch(String file, double lr, double weightDecay, double emaDecay) throws Exception {
        Map<String, NDArray> golden = read("/golden/optimizer/" + file + ".safetensors");
        Map<String, Parameter> parameters = new LinkedHashMap<>();
        for (String key : new String[] {"a", "b", "c"}) {
            parameters.put(key, AdamWTest.parameter(golden.get("params/" + key), true));
        }
        try (TrainState state = new TrainState(manager, parameters)) {
            AdamW optimizer = new AdamW(
                    OptimConfig.PAPER
                            .withLr(lr)
                            .withWeightDecay(weightDecay, true)
                            .withEmaDecay(emaDecay),
                    state);
            for (int s = 0; s < STEPS; s++) {
                NDList gradients = new NDList();
                for (String key : parameters.keySet()) {
                    gradients.add(golden.get("grads/" + s + "/" + key));
                }

                AdamW.Report report = optimizer.step(gradients, new NDList(manager.create(1f)), manager);

                assertThat((float) report.gradNorm())
                        .as("norm %d", s)
                        .isEqualTo(golden.get("norm/" + s).getFloat());
                for (String key : parameters.keySet()) {
                    String at = "/" + s + "/" + key;
                    equal("p" + at, state.weights().get(key), golden);
                    equal("m" + at, state.expAvg().get(key), golden);
                    equal("v" + at, state.expAvgSq().get(key), golden);
                    equal("ema" + at, state.ema().get(key), golden);
                }
            }
        }
    }

    private static void equal(String key, NDArray found, Map<String, NDArray> golden) {
        assertThat(found.toFloatArray()).as(key).isEqualTo(golden.get(key).toFloatArray());
    }

    private Map<String, NDArray> read(String resource) throws Exception {
        Path file = Path.of(AdamWGoldenTest.class.getResource(resource).toURI());
        try (SafetensorsFile golden = SafetensorsFile.open(file)) {
            return golden.stateDict().read(manager);
        }
    }
}
