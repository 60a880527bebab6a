package io.github.maskalign.core.script;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.engine.LeakCheck;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ScriptFunctionTest {
    private static final ScriptFunction AFFINE = ScriptFunction.of(ScriptFunctionTest.class, "probe.py", "affine");

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
    }

    @AfterEach
    void close() {
        manager.close();
    }

    private NDArray array(int rows, int columns, float first) {
        return manager.arange(rows * columns)
                .toType(ai.djl.ndarray.types.DataType.FLOAT32, true)
                .mul(0.1f)
                .add(first)
                .reshape(rows, columns);
    }

    @Test
    void functionEqualsTheSameArithmeticOnArrays() {
        NDArray x = array(3, 5, -0.4f);
        NDArray w = array(7, 5, -1f);
        NDArray b = manager.ones(new Shape(7));

        NDArray y = AFFINE.bind("scale", 0.5).bind("bf16", false).callForOne(x, w, b);

        NDArray expected = x.matMul(w.transpose()).add(b).mul(0.5f);
        assertThat(y.sub(expected).abs().max().getFloat()).isLessThan(1e-6f); // fp32, five terms
        assertThat(y.getManager()).isSameAs(x.getManager());
    }

    @Test
    void gradientFlowsToParametersAndMatchesTheArrayTwin() {
        NDArray x = array(3, 5, -0.4f);
        NDArray w = array(7, 5, -1f);
        NDArray b = manager.ones(new Shape(7));
        w.setRequiresGradient(true);
        b.setRequiresGradient(true);
        ScriptFunction f = AFFINE.bind("scale", 2.0).bind("bf16", false);

        try (GradientCollector collector = Engine.getInstance().newGradientCollector()) {
            collector.backward(f.callForOne(x, w, b).square().sum());
        }

        NDArray y = x.matMul(w.stopGradient().transpose()).add(b.stopGradient()).mul(2f);
        NDArray expected = y.mul(4f).transpose().matMul(x);
        assertThat(relative(w.getGradient(), expected)).isLessThan(1e-6);
    }

    @Test
    void bfloat16ModeRoundsOperandsButGivesFloat32() {
        NDArray x = array(3, 5, 0.123f);
        NDArray w = array(7, 5, -1.07f);
        NDArray b = manager.zeros(new Shape(7));

        NDArray exact = AFFINE.bind("scale", 1.0).bind("bf16", false).callForOne(x, w, b);
        NDArray rounded = AFFINE.bind("scale", 1.0).bind("bf16", true).callForOne(x, w, b);

        assertThat(rounded.getDataType()).isEqualTo(ai.djl.ndarray.types.DataType.FLOAT32);
        assertThat(relative(rounded, exact)).isBetween(1e-5, 1e-2); // bfloat16 keeps 8 bits
    }

    @Test
    void listsScalarsAndSeveralResultsCrossTheBridge() {
        NDList arrays = new NDList(array(2, 2, 1f), array(1, 3, 0f));
        arrays.get(0).setName("blocks.0.weight");
        ScriptFunction stats = ScriptFunction.of(ScriptFunctionTest.class, "probe.py", "stats");

        NDList results = stats.call(arrays, 2);

        double expected = 1 + 1.21 + 1.44 + 1.69 + 0 + 0.01 + 0.04;
        assertThat(results.get(0).getFloat()).isCloseTo((float) expected, org.assertj.core.data.Offset.offset(1e-5f));
        assertThat(results.get(1).getFloat())
                .isCloseTo((float) Math.sqrt(expected), org.assertj.core.data.Offset.offset(1e-5f));
        assertThat(arrays.get(0).getName()).isEqualTo("blocks.0.weight");
    }

    @Test
    void foreachInPlaceChangesTheGivenArrays() {
        NDList arrays = new NDList(array(2, 2, 1f), array(1, 3, 0f));
        NDList by = new NDList(manager.ones(new Shape(2, 2)), manager.ones(new Shape(1, 3)));

        ScriptFunction.of(ScriptFunctionTest.class, "probe.py", "increment").call(arrays, by);

        assertThat(arrays.get(0).toFloatArray()[0]).isEqualTo(2f);
        assertThat(arrays.get(1).toFloatArray()[0]).isEqualTo(1f);
    }

    @Test
    void repeatedCallsGiveEqualBitsInEveryGradient() {
        NDArray w = array(7, 5, -1f);
        w.setRequiresGradient(true);
        ScriptFunction f = AFFINE.bind("scale", 1.0 / 3).bind("bf16", false);
        List<float[]> gradients = new ArrayList<>();

        for (int i = 0; i < 5; i++) {
            try (NDManager step = manager.newSubManager();
                    GradientCollector collector = Engine.getInstance().newGradientCollector()) {
                NDArray x = array(3, 5, -0.4f);
                x.attach(step);
                collector.backward(
                        f.callForOne(x, w, manager.ones(new Shape(7))).tanh().sum());
                gradients.add(w.getGradient().toFloatArray());
                w.getGradient().subi(w.getGradient().duplicate());
            }
        }

        assertThat(gradients).allSatisfy(g -> assertThat(g).isEqualTo(gradients.get(0)));
    }

    @Test
    void arrayInTwoListsIsPassedInBoth() {
        NDArray twice = array(2, 2, 1f);
        NDArray once = array(1, 3, 0f);
        twice.setName("blocks.0.weight");
        float[] expected = twice.mul(2).toFloatArray();

        ScriptFunction.of(ScriptFunctionTest.class, "probe.py", "increment")
                .call(new NDList(twice, once), new NDList(twice, manager.ones(new Shape(1, 3))));

        assertThat(twice.toFloatArray()).isEqualTo(expected);
        assertThat(once.toFloatArray()).containsExactly(array(1, 3, 1f).toFloatArray(), within(1e-6f)); // one rounding
        assertThat(twice.getName()).isEqualTo("blocks.0.weight");
    }

    @Test
    void gradientReachesAnArrayGivenAloneAndInAList() {
        NDArray w = array(2, 3, 1f);
        w.setRequiresGradient(true);
        ScriptFunction dot = ScriptFunction.of(ScriptFunctionTest.class, "probe.py", "scaled_sum");

        try (GradMode recording = GradMode.on()) {
            NDArray loss = dot.callForOne(w, new NDList(w, array(2, 3, 0f), w)); // sum w (w + a + w)
            NDList gradients = Autograd.gradients(loss, new NDList(w, w), manager);

            float[] expected = w.stopGradient().mul(4).add(array(2, 3, 0f)).toFloatArray();
            assertThat(gradients.get(0).toFloatArray()).containsExactly(expected, within(1e-5f)); // fp32, three terms
            assertThat(gradients.get(1).toFloatArray())
                    .isEqualTo(gradients.get(0).toFloatArray());
        }
    }

    @Test
    void lossThatIsAlsoAParameterHasGradientOne() {
        NDArray loss = manager.create(3f);
        loss.setRequiresGradient(true);

        try (GradMode recording = GradMode.on()) {
            NDArray gradient =
                    Autograd.gradients(loss, new NDList(loss), manager).singletonOrThrow();

            assertThat(gradient.getFloat()).isEqualTo(1f);
        }
    }

    @Test
    void callsLeaveNoArraysBehind() {
        NDArray x = array(2, 2, 1f);
        ScriptFunction increment = ScriptFunction.of(ScriptFunctionTest.class, "probe.py", "increment");

        LeakCheck.constantCount(
                manager,
                30,
                step -> increment.callOn(step, new NDList(x), new NDList(x)).close());
        LeakCheck.constantCount(
                CompiledModules.ofThisThread().manager(), 30, step -> AFFINE.callOn(step, x, x, x, 0.5, false));
    }

    @Test
    void releasedThreadCompilesAgain() throws Exception {
        NDArray x = manager.ones(new Shape(2, 2));
        ScriptFunction f = AFFINE.bind("scale", 1.0).bind("bf16", false);
        float[] expected = f.callForOne(x, x, x.get(0)).toFloatArray();

        float[] again = CompletableFuture.supplyAsync(() -> {
                    f.callForOne(x, x, x).close();
                    NDManager modules = CompiledModules.ofThisThread().manager();
                    ScriptFunction.releaseThread();
                    assertThat(modules.isOpen()).isFalse();
                    float[] values = f.callForOne(x, x, x.get(0)).toFloatArray();
                    ScriptFunction.releaseThread();
                    return values;
                })
                .get();

        assertThat(again).isEqualTo(expected);
    }

    @Test
    void wrongArgumentsAreNamed() {
        NDArray x = manager.ones(new Shape(2, 2));

        assertThatThrownBy(() -> AFFINE.call(x, x)).hasMessageContaining("takes 5 arguments");
        assertThatThrownBy(() -> AFFINE.call(x, x, x, true, true))
                .hasMessage("argument scale of script function affine must be a float but was a Boolean");
        assertThatThrownBy(() -> AFFINE.bind("weight", 1)).hasMessageContaining("no scalar parameter weight");
        assertThatThrownBy(() -> ScriptFunction.of(ScriptFunctionTest.class, "probe.py", "nothing"))
                .hasMessageContaining("no script function nothing");
        assertThatThrownBy(() -> ScriptFunction.of(ScriptFunctionTest.class, "absent.py", "f"))
                .hasMessageContaining("absent.py");
        assertThatThrownBy(() -> AFFINE.call(x, manager.ones(new Shape(2, 3)), x, 1.0, false))
                .isInstanceOf(EngineException.class)
                .hasMessageContaining("affine")
                .hasMessageContaining("(2, 3)");
    }

    static double relative(NDArray a, NDArray b) {
        return a.sub(b).norm().getFloat() / b.norm().getFloat();
    }
}
