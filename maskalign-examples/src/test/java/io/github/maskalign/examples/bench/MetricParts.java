package io.github.maskalign.examples.bench;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.evaluate.internal.FeatureAccumulator;
import io.github.maskalign.core.evaluate.internal.FeatureMatrix;
import io.github.maskalign.core.evaluate.internal.FeatureStatistics;
import io.github.maskalign.core.evaluate.internal.FeatureStatistics.FrechetDistance;
import io.github.maskalign.core.evaluate.internal.PrecisionRecall;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.encoders.inception.Inception;
import io.github.maskalign.encoders.inception.InceptionExtractor.InceptionSuite;
import java.util.List;

/** Stopwatches for what evaluation computes. */
public final class MetricParts {
    private static final int FEATURES = 2048;
    private static final int PICTURE = 256;
    private static final int SAMPLES = 3_000;
    private static final int ROWS = 500;

    private MetricParts() {}

    /** The Inception network with random weights on pictures of 256 pixels, resize of pytorch-fid included. */
    public static PartBenchmark inception(int batch) {
        NDManager manager = NDManager.newBaseManager(Device.cpu());
        Inception network = new Inception();
        network.initialize(manager, DataType.FLOAT32, new Shape(1, 3, 299, 299));
        try (GradMode editing = GradMode.off()) {
            ParameterKeys.of(network).values().forEach(parameter -> {
                NDArray weight = parameter.getArray();
                long fan = Math.max(1, weight.size() / weight.getShape().get(0));
                NDArray noise =
                        manager.randomNormal(0, (float) Math.sqrt(2.0 / fan), weight.getShape(), DataType.FLOAT32);
                weight.addi(noise);
                noise.close();
            });
        }
        NDArray pictures = manager.randomUniform(0, 256, new Shape(batch, 3, PICTURE, PICTURE))
                .toType(DataType.UINT8, false);
        ParameterStore store = new ParameterStore(manager, false);
        return new PartBenchmark(
                "Inception features",
                manager,
                () -> {
                    try (GradMode off = GradMode.off();
                            NDArray prepared = InceptionSuite.PYTORCH_FID.prepare(pictures);
                            NDList features = network.forward(store, new NDList(prepared), false)) {
                        features.get(0).toFloatArray();
                    }
                },
                List.of());
    }

    /** The Fréchet distance of two sets of 2,048 features, from their statistics. */
    public static PartBenchmark frechet() {
        NDManager manager = NDManager.newBaseManager(Device.cpu());
        FeatureStatistics a = statistics(manager, 1);
        FeatureStatistics b = statistics(manager, 1.2f);
        return new PartBenchmark("Fréchet distance", manager, () -> FrechetDistance.between(manager, a, b), List.of());
    }

    /** Precision and recall of sets of this many points with 2,048 features each. */
    public static PartBenchmark neighbours(int points) {
        NDManager manager = NDManager.newBaseManager(Device.cpu());
        FeatureMatrix reference = matrix(manager, points, 1);
        FeatureMatrix samples = matrix(manager, points, 1.05f);
        return new PartBenchmark(
                "precision and recall",
                manager,
                () -> PrecisionRecall.of(manager, reference, samples, PrecisionRecall.NEIGHBOURS),
                List.of());
    }

    private static FeatureStatistics statistics(NDManager manager, float deviation) {
        try (FeatureAccumulator sum = new FeatureAccumulator(manager, FEATURES)) {
            for (int i = 0; i < SAMPLES; i += ROWS) {
                try (NDArray rows = manager.randomNormal(0, deviation, new Shape(ROWS, FEATURES), DataType.FLOAT32)) {
                    sum.add(rows);
                }
            }
            return sum.statistics();
        }
    }

    private static FeatureMatrix matrix(NDManager manager, int points, float deviation) {
        FeatureMatrix matrix = new FeatureMatrix(manager, FEATURES);
        for (int i = 0; i < points; i += ROWS) {
            int count = Math.min(ROWS, points - i);
            try (NDArray rows = manager.randomNormal(0, deviation, new Shape(count, FEATURES), DataType.FLOAT32)) {
                matrix.add(rows);
            }
        }
        return matrix;
    }
}
