package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import io.github.maskalign.core.golden.GoldenCase;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Adan against sums over all gradients so far, in float64. */
class AdanGoldenTest {
    private static final int STEPS = 20;

    /** As on a CPU, of single arrays, and of all arrays at once. */
    private static final List<AdamW.Form> FORMS = List.of(
            new AdamW.Form(1 << 17, 1L << 26, false), new AdamW.Form(1, 1, false), new AdamW.Form(0, 1L << 26, false));

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
    @ValueSource(strings = {"plain", "decays"})
    void weightsMomentsAndAverageMatch(String name) {
        GoldenCase golden = GoldenCase.load(AdanGoldenTest.class, "adan", name, manager);
        OptimConfig config = OptimConfig.PAPER
                .withLr(Double.parseDouble(golden.metadata().get("lr")))
                .withWeightDecay(Double.parseDouble(golden.metadata().get("weight_decay")), true)
                .withEmaDecay(Double.parseDouble(golden.metadata().get("ema")))
                .withAdan(0.98, 0.92, 0.99);
        for (AdamW.Form form : FORMS) {
            Map<String, Parameter> parameters = parameters(golden);
            try (TrainState state = new TrainState(manager, parameters, config)) {
                AdamW optimizer = new AdamW(config, state, form);
                for (int s = 0; s < STEPS; s++) {
                    NDList gradients = new NDList();
                    for (String key : parameters.keySet()) {
                        gradients.add(golden.get("grads/" + s + "/" + key));
                    }
                    float[] before = gradients.get(0).toFloatArray();

                    assertThat(optimizer
                                    .step(gradients, new NDList(manager.create(1f)), manager)
                                    .applied())
                            .isTrue();

                    assertThat(gradients.get(0).toFloatArray()).isEqualTo(before);
                    for (String key : parameters.keySet()) {
                        String at = "/" + s + "/" + key;
                        close(state.weights().get(key), golden.get("p" + at), "p" + at);
                        close(state.expAvg().get(key), golden.get("m" + at), "m" + at);
                        close(state.expAvgDiff().get(key), golden.get("q" + at), "q" + at);
                        close(state.expAvgSq().get(key), golden.get("v" + at), "v" + at);
                        close(state.ema().get(key), golden.get("ema" + at), "ema" + at);
                    }
                }
            }
        }
    }

    /** 1e-5: float32 against float64, 20 updates of about 10 operations. */
    private static void close(NDArray found, NDArray expected, String what) {
        assertThat(GoldenCase.relativeError(found, expected)).as(what).isLessThan(1e-5);
    }

    @Test
    void aStateIsMadeForItsOptimiser() {
        GoldenCase golden = GoldenCase.load(AdanGoldenTest.class, "adan", "plain", manager);
        OptimConfig adan = OptimConfig.PAPER.withAdan(0.98, 0.92, 0.99);
        try (TrainState plain = new TrainState(manager, parameters(golden));
                TrainState more = new TrainState(manager, parameters(golden), adan)) {
            assertThatThrownBy(() -> new AdamW(adan, plain))
                    .hasMessageContaining("for optim.kind ADAN, but was made for the other kind");
            assertThatThrownBy(() -> new AdamW(OptimConfig.PAPER, more)).hasMessageContaining("optim.kind ADAMW");
            long weights = TrainState.StateMemory.of(plain, false, 0).weights();
            assertThat(TrainState.StateMemory.of(plain, false, 0).moments()).isEqualTo(2 * weights);
            assertThat(TrainState.StateMemory.of(more, false, 0).moments()).isEqualTo(4 * weights);
        }
        assertThatThrownBy(() -> OptimConfig.PAPER.withAdan(0.98, 0.92, 1))
                .hasMessage("beta3 must be in [0, 1) but was 1.0");
    }

    private Map<String, Parameter> parameters(GoldenCase golden) {
        Map<String, Parameter> parameters = new LinkedHashMap<>();
        for (String key : new String[] {"a", "b", "c"}) {
            parameters.put(key, AdamWTest.parameter(golden.get("params/" + key).duplicate(), true));
        }
        return parameters;
    }
}
