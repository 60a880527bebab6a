package io.github.maskalign.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.core.script.ScriptRecording.RecordedCall;
import io.github.maskalign.core.script.ScriptReplay;
import io.github.maskalign.core.train.Objective;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.core.train.TrainStep;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTConfig.ModelConfig;
import io.github.maskalign.sit.SiTLoss;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLosses;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.internal.RunPlan;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RecordedStepTest {
    private static final int SAMPLES = 3; // another number than the recorded one

    /** What a step has at hand, by name. */
    private final Map<String, NDArray> arrays = new HashMap<>();

    @ParameterizedTest
    @CsvSource({"maskalign, FLOAT32", "maskalign, BFLOAT16", "reg, FLOAT32", "repa, FLOAT32"})
    void replayedCallsGiveLossesGradientsAndUpdateOfTrainStepBitForBit(String method, Precision precision)
            throws Exception {
        SiTConfig config = GpuKit.tiny(model(method));
        RecordedStep recorded = RecordedStep.of(config, precision, OptimConfig.PAPER, 2);
        SiT model = new SiT(config, precision);
        try (NDManager manager = NDManager.newBaseManager()) {
            model.initialize(manager);
            fill(model);
            SiTLossInput in = RecordedStep.batch(config, manager, SAMPLES, 7);
            RecordedStep.arrays(in).forEach((name, array) -> arrays.put("input." + name, array));
            try (TrainState state = new TrainState(manager, ParameterKeys.of(model))) {
                copies(state, manager);
                NDList trained = new NDList();
                state.trainedKeys().forEach(key -> trained.add(state.weights().get(key)));
                SiTLoss loss = new SiTLoss(model, DiffusionConfig.defaults().path());
                SiTLosses losses;
                NDList gradients;
                try (GradMode recording = GradMode.on()) {
                    losses = loss.compute(new ParameterStore(manager, false), in);
                    gradients = Autograd.gradients(losses.total(), trained, manager);
                    recorded.forward().forEach(call -> replay(call, manager));
                }

                assertSame("total", arrays.get(recorded.losses().get("total")), losses.total());
                assertThat(recorded.losses()).hasSize(1 + losses.parts().size());
                losses.parts()
                        .forEach((name, part) ->
                                assertSame(name, arrays.get(recorded.losses().get(name)), part));
                assertThat(List.copyOf(recorded.gradients().keySet())).isEqualTo(state.trainedKeys());
                for (int i = 0; i < gradients.size(); i++) {
                    String key = state.trainedKeys().get(i);
                    assertThat(gradients.get(i).abs().max().getFloat()).as(key).isPositive();
                    assertSame(key, arrays.get(recorded.gradients().get(key)), gradients.get(i));
                }

                try (GradMode values = GradMode.off()) {
                    recorded.update().forEach(call -> replay(call, manager));
                }
                new TrainStep(given(model, loss, in), state, OptimConfig.PAPER, SAMPLES, 1).run();

                state.weights().forEach((key, value) -> assertSame("weight", arrays.get("weight." + key), value));
                state.ema().forEach((key, value) -> assertSame("ema", arrays.get("ema." + key), value));
                state.expAvg().forEach((key, value) -> assertSame("exp_avg", arrays.get("exp_avg." + key), value));
                state.expAvgSq()
                        .forEach((key, value) -> assertSame("exp_avg_sq", arrays.get("exp_avg_sq." + key), value));
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"maskalign", "reg"})
    void callsDependNeitherOnTheBatchNorOnWidths(String method) {
        SiTConfig config = model(method);
        ModelConfig shallow = new ModelConfig(32, 2, 4, 96, 5, 12, 4.0, 1000, 0.1, false);
        SiTConfig wide = new SiTConfig(
                shallow,
                config.align(),
                config.cls(),
                config.mixer(),
                config.subset(),
                config.encoderWidths(),
                config.classTokenWidth(),
                config.learnSigma(),
                config.terms());

        RecordedStep all = RecordedStep.of(wide, Precision.FLOAT32, OptimConfig.PAPER, 1);
        RecordedStep thin = RecordedStep.of(GpuKit.thin(wide), Precision.FLOAT32, OptimConfig.PAPER, 3);

        assertThat(texts(thin)).isEqualTo(texts(all));
        assertThat(thin.losses()).isEqualTo(all.losses());
        assertThat(thin.gradients()).isEqualTo(all.gradients());
    }

    @Test
    void arrayThatNoFunctionMadeIsNamedByWhatItWasGivenFor() {
        // the normalised target behind a class token is put together by the engine's own operation
        SiTConfig config = GpuKit.tiny(model("reg", "align.spatialNorm=0.7"));

        assertThatThrownBy(() -> RecordedStep.of(config, Precision.FLOAT32, OptimConfig.PAPER, 2))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageStartingWith("script function alignment_loss was given an array for target that is neither");
    }

    private static List<String> texts(RecordedStep step) {
        List<String> out = new ArrayList<>();
        for (List<RecordedCall> calls : List.of(step.forward(), step.update())) {
            calls.forEach(call -> out.add(call.function()
                    + new String(call.archive(), StandardCharsets.ISO_8859_1)
                    + call.parameters()
                    + call.arguments()
                    + call.results()));
        }
        return out;
    }

    private static SiTConfig model(String method, String... settings) {
        List<String> all = new ArrayList<>(List.of("method=" + method));
        all.addAll(List.of(settings));
        Path file = Path.of("../configs/imagenet-sit-b-2.yaml");
        return RunPlan.model(ConfigBinder.bind(file, all, RunConfig.class).value());
    }

    /** No gate is left at zero, so that every gradient is another number than zero. */
    private static void fill(SiT model) {
        try (GradMode editing = GradMode.off()) {
            ParameterKeys.of(model).values().forEach(parameter -> {
                NDArray array = parameter.getArray();
                array.addi(array.getManager().randomNormal(array.getShape()).mul(0.1f));
            });
        }
    }

    private void copies(TrainState state, NDManager manager) {
        state.weights().forEach((key, array) -> {
            NDArray copy = array.duplicate();
            copy.setRequiresGradient(state.trainedKeys().contains(key));
            arrays.put("weight." + key, copy);
        });
        state.expAvg().forEach((key, array) -> arrays.put("exp_avg." + key, array.duplicate()));
        state.expAvgSq().forEach((key, array) -> arrays.put("exp_avg_sq." + key, array.duplicate()));
        state.ema().forEach((key, array) -> arrays.put("ema." + key, array.duplicate()));
        arrays.put(
                "constant.decays",
                manager.create(new double[] {OptimConfig.PAPER.emaDecay()}).duplicate());
    }

    private static Objective given(SiT model, SiTLoss loss, SiTLossInput in) {
        return new Objective() {
            @Override
            public Map<String, Parameter> parameters() {
                return ParameterKeys.of(model);
            }

            @Override
            public StepLosses loss(NDManager scratch, long step, long first, int count) {
                SiTLosses losses = loss.compute(new ParameterStore(scratch, false), in);
                return new StepLosses(losses.total(), losses.parts());
            }
        };
    }

    private void replay(RecordedCall call, NDManager manager) {
        List<NDList> arguments = new ArrayList<>();
        List<Boolean> lists = new ArrayList<>();
        for (String argument : call.arguments()) {
            NDList given = new NDList();
            if (argument.startsWith("[")) {
                for (String name : argument.substring(1, argument.length() - 1).split(", ")) {
                    given.add(Objects.requireNonNull(arrays.get(name), name));
                }
            } else if (argument.equals("True") || argument.equals("False")) {
                given.add(manager.create(argument.equals("True") ? 1L : 0L).duplicate());
            } else if (argument.matches("-?\\d+")) {
                given.add(manager.create(Long.parseLong(argument)).duplicate());
            } else if (argument.matches("-?\\d.*")) {
                given.add(manager.create(Double.parseDouble(argument)).duplicate());
            } else {
                given.add(Objects.requireNonNull(arrays.get(argument), argument));
            }
            arguments.add(given);
            lists.add(argument.startsWith("["));
        }
        try (ScriptReplay function = ScriptReplay.open(call.archive())) {
            NDList results = function.call(manager, arguments, lists);
            assertThat(results).hasSameSizeAs(call.results());
            for (int i = 0; i < results.size(); i++) {
                arrays.put(call.results().get(i), results.get(i));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(call.function(), e);
        }
    }

    private static void assertSame(String what, NDArray found, NDArray expected) {
        assertThat(found.toFloatArray()).as(what).isEqualTo(expected.toFloatArray());
    }
}
