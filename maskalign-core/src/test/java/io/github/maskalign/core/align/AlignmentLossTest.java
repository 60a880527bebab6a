package io.github.maskalign.core.align;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.nn.TokenRows;
import io.github.maskalign.core.script.Autograd;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class AlignmentLossTest {
    static Stream<String> cases() {
        return GoldenCase.names(AlignmentLossTest.class, "losses").filter(name -> name.startsWith("align-"));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void valueAndGradientMatchPyTorch(String name) {
        try (NDManager manager = NDManager.newBaseManager();
                GradMode recording = GradMode.on()) {
            GoldenCase golden = GoldenCase.load(getClass(), "losses", name, manager);
            NDArray projected = golden.get("inputs/projected");
            projected.setRequiresGradient(true);
            NDArray prediction = projected;
            NDArray target = golden.get("inputs/target");
            if (golden.has("inputs/keep")) {
                NDArray keep = golden.get("inputs/keep");
                TokenRows rows = new TokenRows(true);
                boolean all = projected.getShape().get(1) == target.getShape().get(1);
                prediction = all ? rows.gather(projected, keep) : projected;
                target = rows.gather(target, keep);
            }

            NDArray loss = AlignmentLoss.of(prediction, target);
            NDArray gradient =
                    Autograd.gradients(loss, new NDList(projected), manager).get(0);

            assertThat((double) loss.getFloat()).isCloseTo(golden.get("value").toDoubleArray()[0], within(1e-6));
            // float32; with uneven norms some cosines are 1 up to rounding and their gradients cancel
            assertSameRows(gradient, golden.get("grads/projected"), name.contains("uneven") ? 1e-4 : 1e-5);
        }
    }

    /** The gradient of a zero row is about 1e10 and would hide all others in one norm: compared apart. */
    private static void assertSameRows(NDArray found, NDArray expected, double tolerance) {
        NDArray huge = expected.norm(new int[] {2}, true).gt(1e6f).toType(DataType.FLOAT32, false); // (N, T, 1)
        NDArray rest = huge.neg().add(1f);

        assertThat(GoldenCase.relativeError(found.mul(huge), expected.mul(huge)))
                .isLessThan(tolerance);
        assertThat(GoldenCase.relativeError(found.mul(rest), expected.mul(rest)))
                .isLessThan(tolerance);
    }

    @Test
    void equalTokensGiveMinusOneAndOppositeOnesPlusOne() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray z = manager.randomNormal(new Shape(3, 5, 7));

            assertThat(AlignmentLoss.of(z, z.mul(3f)).getFloat()).isCloseTo(-1f, within(1e-6f));
            assertThat(AlignmentLoss.of(z, z.neg()).getFloat()).isCloseTo(1f, within(1e-6f));
        }
    }

    @Test
    void severalEncodersAreAveraged() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray a = manager.randomNormal(new Shape(2, 5, 7));
            NDArray b = manager.randomNormal(new Shape(2, 5, 3));

            float loss = new AlignmentLoss()
                    .evaluate(new NDList(a, b), new NDList(a, b.neg()))
                    .getFloat();

            assertThat(loss).isCloseTo(0f, within(1e-6f));
        }
    }

    @Test
    void subsetsAverageToTheFullLoss() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray projected = manager.randomNormal(new Shape(1, 4, 7));
            NDArray target = manager.randomNormal(new Shape(1, 4, 7));
            TokenRows rows = new TokenRows(false);
            double sum = 0;
            int subsets = 0;
            for (int i = 0; i < 4; i++) {
                for (int j = i + 1; j < 4; j++) {
                    NDArray keep = manager.create(new long[] {i, j}, new Shape(1, 2));
                    sum += AlignmentLoss.of(rows.gather(projected, keep), rows.gather(target, keep))
                            .getFloat();
                    subsets++;
                }
            }

            float full = AlignmentLoss.of(projected, target).getFloat();
            assertThat(sum / subsets).isCloseTo(full, within(1e-6)); // exact over all subsets, up to rounding
        }
    }

    @Test
    void differentShapesAreRefused() {
        try (NDManager manager = NDManager.newBaseManager()) {
            assertThatThrownBy(
                            () -> AlignmentLoss.of(manager.ones(new Shape(2, 5, 7)), manager.ones(new Shape(2, 4, 7))))
                    .hasMessage("projected tokens have shape (2, 5, 7) but their targets have (2, 4, 7)");
        }
    }
}
