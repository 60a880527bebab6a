package io.github.maskalign.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.engine.internal.Processor;
import io.github.maskalign.core.files.SafetensorsFile;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Twenty steps of PyTorch's clip_grad_norm_, AdamW and moving average: to the bit, where PyTorch ran on a processor of this
 * kind, and within roundings anywhere.
 *
 * <p>Kernels with fused multiplications round m, v and averages once less than those without, and MKL has three kinds of
 * square roots. {@code golden/optimizer} is of the kind {@value #MAIN}, {@code golden/optimizer-kinds} has what the others
 * compute otherwise.
 */
@Tag("bits")
@Tag("device")
class AdamWGoldenTest {
    private static final int STEPS = 20;
    private static final String MAIN = "fma-avx512";

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
    void everyBitEqualsPyTorchOnThisKindOfProcessor(String file, double lr, double weightDecay, double emaDecay)
            throws Exception {
        Processor processor = Processor.read();
        Optional<String> kind = kind(processor);
        assumeTrue(kind.isPresent(), "there are no bits of PyTorch for " + processor);
        Map<String, NDArray> golden = read("/golden/optimizer/" + file + ".safetensors");
        if (!kind.get().equals(MAIN)) {
            golden.putAll(read("/golden/optimizer-kinds/" + kind.get() + "." + file + ".safetensors"));
        }

        compare(
                golden,
                lr,
                weightDecay,
                emaDecay,
                (key, found) ->
                        assertThat(found).as(key).isEqualTo(golden.get(key).toFloatArray()));
    }

    @ParameterizedTest
    @CsvSource({
        "lr1e-4-wd0, 1e-4, 0, 0.9999",
        "lr1e-2-wd0.01, 1e-2, 0.01, 0.9",
        "lr3e-3-wd0, 3e-3, 0, 0.9",
        "lr1e-3-wd0.01, 1e-3, 0.01, 0.9999"
    })
    void anyProcessorDiffersByRoundingsAlone(String file, double lr, double weightDecay, double emaDecay)
            throws Exception {
        Map<String, NDArray> golden = read("/golden/optimizer/" + file + ".safetensors");

        compare(golden, lr, weightDecay, emaDecay, (key, found) -> {
            float[] expected = golden.get(key).toFloatArray();
            for (int i = 0; i < expected.length; i++) {
                // each of 20 steps rounds once more or less, by half an ulp of numbers below 1 or of their own size
                double roundings = 20 * 0x1p-24 * (key.startsWith("p/") || key.startsWith("ema/") ? 1 : 2);
                double scale = key.startsWith("p/") || key.startsWith("ema/") ? 1 : largest(expected);
                assertThat((double) found[i]).as(key).isCloseTo(expected[i], within(roundings * scale));
            }
        });
    }

    private void compare(
            Map<String, NDArray> golden,
            double lr,
            double weightDecay,
            double emaDecay,
            BiConsumer<String, float[]> comparison) {
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

                comparison.accept("norm/" + s, new float[] {(float) report.gradNorm()});
                for (String key : parameters.keySet()) {
                    String at = "/" + s + "/" + key;
                    comparison.accept("p" + at, state.weights().get(key).toFloatArray());
                    comparison.accept("m" + at, state.expAvg().get(key).toFloatArray());
                    comparison.accept("v" + at, state.expAvgSq().get(key).toFloatArray());
                    comparison.accept("ema" + at, state.ema().get(key).toFloatArray());
                }
            }
        }
    }

    /** Names the kind as {@code scripts/golden/optimizer_cases.py} does; empty where nobody ran it. */
    private static Optional<String> kind(Processor processor) {
        String vectors = switch (processor.capability()) {
            case "avx2", "avx512" -> "fma-";
            case "default" -> "plain-";
            default -> "";
        };
        String blas = processor.blas();
        String roots = switch (blas.substring(blas.indexOf(' ', blas.indexOf(',')) + 1)) {
            case "AVX-512 kernels" -> "avx512";
            case "AVX2 kernels" -> "avx2";
            case "AVX kernels", "SSE4.2 kernels", "generic kernels" -> "sse";
            default -> "";
        };
        return vectors.isEmpty() || roots.isEmpty() ? Optional.empty() : Optional.of(vectors + roots);
    }

    private static double largest(float[] values) {
        double largest = 0;
        for (float value : values) {
            largest = Math.max(largest, Math.abs(value));
        }
        return largest;
    }

    private Map<String, NDArray> read(String resource) throws Exception {
        Path file = Path.of(AdamWGoldenTest.class.getResource(resource).toURI());
        try (SafetensorsFile golden = SafetensorsFile.open(file)) {
            return golden.stateDict().read(manager);
        }
    }
}
