package io.github.maskalign.core.sample;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.sample.SampleRequest.NoiseSource;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class DrawnNoiseTest {
    private static final NoiseSource NOISE = NoiseSource.of(new Draws(31));

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void startsInFloat32AndGoesOnInFloat64() {
        NDList initial = NOISE.initial(manager, request(0, 3));
        NDList path = NOISE.path(manager, request(0, 3), 0);

        assertThat(initial.getShapes()).containsExactly(new Shape(3, 4, 2, 2), new Shape(3, 7));
        assertThat(path.getShapes()).isEqualTo(initial.getShapes());
        assertThat(initial).allMatch(a -> a.getDataType() == DataType.FLOAT32);
        assertThat(path).allMatch(a -> a.getDataType() == DataType.FLOAT64);
    }

    @Test
    void pictureKeepsItsNoiseInAnyBatch() {
        for (int part = 0; part < 2; part++) {
            NDArray whole = NOISE.path(manager, request(5, 4), 9).get(part);
            NDArray tail = NOISE.path(manager, request(7, 2), 9).get(part);
            NDArray start = NOISE.initial(manager, request(5, 4)).get(part);
            NDArray startTail = NOISE.initial(manager, request(7, 2)).get(part);

            assertThat(tail.toDoubleArray()).isEqualTo(whole.get("2:").toDoubleArray());
            assertThat(startTail.toFloatArray()).isEqualTo(start.get("2:").toFloatArray());
        }
    }

    @Test
    void noTwoNumbersAreShared() {
        Set<Double> seen = new HashSet<>();
        int count = 0;
        for (int step = 0; step < 5; step++) {
            for (NDArray a : NOISE.path(manager, request(1, 3), step)) {
                for (double v : a.toDoubleArray()) {
                    seen.add(v);
                    count++;
                }
            }
        }

        assertThat(seen).hasSize(count);
    }

    @Test
    void numbersAreStandardNormal() {
        SampleRequest many = new SampleRequest(0, new long[2000], new Shape(1, 3, 3), 0);

        double[] values = NOISE.path(manager, many, 3).singletonOrThrow().toDoubleArray();

        double sixSigma = 6 / Math.sqrt(values.length);
        assertThat(Arrays.stream(values).average().orElseThrow()).isCloseTo(0, within(sixSigma));
        assertThat(Arrays.stream(values).map(v -> v * v).average().orElseThrow())
                .isCloseTo(1, within(sixSigma * Math.sqrt(2)));
    }

    private static SampleRequest request(long first, int size) {
        return new SampleRequest(first, new long[size], new Shape(4, 2, 2), 7);
    }
}
