package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.files.WeightsFile.Unknown;
import java.nio.file.Files;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that torch.save of two versions wrote: every tensor has the type, shape and bytes that PyTorch gives it. */
class TorchFileGoldenTest {
    @Test
    void fixturesAreAsGenerated() {
        Samples.manifests().forEach(manifest -> {
            JsonObject files = manifest.getAsJsonObject("files");
            assertThat(files.size()).isGreaterThan(20);
            for (String name : files.keySet()) {
                assertThat(sha256(name))
                        .as("%s changed; run %s", name, manifest.get("regenerate"))
                        .isEqualTo(files.getAsJsonObject(name).get("sha256").getAsString());
            }
        });
    }

    static java.util.stream.Stream<String> readable() {
        return Samples.readable();
    }

    @ParameterizedTest
    @MethodSource("readable")
    void everyTensorIsReadToTheBit(String name) throws Exception {
        try (TorchFile file = TorchFile.open(Samples.path(name + ".pt"));
                SafetensorsFile expected = SafetensorsFile.open(Samples.path(name + ".safetensors"))) {
            int tensors = 0;
            for (String section : file.sections()) {
                StateDict state = file.stateDict(section);
                for (Map.Entry<String, TensorSource> t : state.tensors().entrySet()) {
                    TensorSource golden = expected.tensor(section + "|" + t.getKey());
                    assertThat(t.getValue().type()).as(t.getKey()).isEqualTo(golden.type());
                    assertThat(t.getValue().shape()).as(t.getKey()).isEqualTo(golden.shape());
                    assertThat(Samples.bytes(t.getValue())).as(t.getKey()).isEqualTo(Samples.bytes(golden));
                    tensors++;
                }
            }
            assertThat(tensors).isEqualTo(expected.tensors().size());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"current", "stream", "2.3"})
    void trainingCheckpointHasItsSections(String style) throws Exception {
        try (TorchFile file = TorchFile.open(Samples.path("training-" + style + ".pt"))) {
            assertThat(file.sections()).containsExactly("model", "ema", "opt.state");
            assertThat(file.stateDict("ema").keys())
                    .containsExactly(
                            "0.weight",
                            "0.bias",
                            "1.weight",
                            "1.bias",
                            "2.weight",
                            "2.bias",
                            "2.running_mean",
                            "2.running_var",
                            "2.num_batches_tracked");
            assertThat(file.stateDict("opt.state").keys()).startsWith("0.step", "0.exp_avg", "0.exp_avg_sq", "1.step");
            assertThat(file.metadata()).containsExactly(Map.entry("steps", "400000"));
            assertThat(((TorchValue.Dict) file.root()).get("args").orElseThrow())
                    .hasToString("Opaque[argparse.Namespace]");
            assertThatThrownBy(file::stateDict)
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("several state dicts, so say which one: \"model\", \"ema\", \"opt.state\"");
            assertThatThrownBy(() -> file.stateDict("emma"))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageEndingWith(
                            "there is no state dict \"emma\"; there are \"model\", \"ema\", \"opt.state\"");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"current", "stream", "2.3"})
    void valuesBesideTensorsAreData(String style) throws Exception {
        try (TorchFile file = TorchFile.open(Samples.path("odds-" + style + ".pt"))) {
            assertThat(file.sections()).containsExactly("", "state_dict", "rng");
            assertThat(file.stateDict("").keys()).containsExactly("é 漢 😀");
            assertThat(file.stateDict("state_dict").keys()).containsExactly("module.w", "tagged", "noted", "7");
            assertThat(file.stateDict("rng").keys()).containsExactly("0", "1.0", "1.1.deep");
            assertThat(file.metadata())
                    .containsEntry("text", "a text")
                    .containsEntry("big", "1180591620717411303424")
                    .containsEntry("minus", "-5")
                    .containsEntry("ratio", "0.1")
                    .containsEntry("yes", "true")
                    .doesNotContainKey("nothing");
            TorchValue.Dict root = (TorchValue.Dict) file.root();
            assertThat(root.get("nothing")).contains(new TorchValue.None());
            assertThat(root.get("device").orElseThrow()).hasToString("Opaque[torch.device]");
            assertThat(root.get("dtype").orElseThrow()).hasToString("Opaque[torch.bfloat16]");
            assertThat(((TorchValue.Tuple) root.get("shape").orElseThrow()).items())
                    .hasSize(2);
            TorchValue.Dict counter = (TorchValue.Dict) root.get("counter").orElseThrow();
            assertThat(counter.get("a").orElseThrow()).hasToString("Whole[value=2]");
            assertThat(root.get("absent")).isEmpty();
        }
    }

    @ParameterizedTest
    @CsvSource({"bare, 0.weight", "lone, tensor", "list, 0"})
    void fileWithOneStateDictNeedsNoSection(String name, String key) throws Exception {
        try (WeightsFile file = WeightsFile.open(Samples.path(name + "-current.pt"))) {
            StateDict state = name.equals("list") ? file.stateDict("") : file.stateDict();

            assertThat(state.keys()).contains(key);
            assertThat(state.get(key).origin()).endsWith(name + "-current.pt, tensor \"" + key + "\"");
        }
    }

    @Test
    void fileWithoutTensorsSaysSo() throws Exception {
        try (WeightsFile file = WeightsFile.open(Samples.path("none-2.3.pt"))) {
            assertThat(file.sections()).isEmpty();
            assertThat(file.metadata()).containsExactly(Map.entry("only", "text"));
            assertThatThrownBy(file::stateDict).hasMessageEndingWith("holds no tensors");
        }
    }

    @Test
    void tensorBecomesAnArray() throws Exception {
        try (NDManager manager = NDManager.newBaseManager();
                TorchFile file = TorchFile.open(Samples.path("views-current.pt"))) {
            NDArray base = file.stateDict().get("base").read(manager);
            NDArray transposed = file.stateDict().get("transposed").read(manager);

            assertThat(transposed.getShape()).isEqualTo(new Shape(8, 6));
            assertThat(transposed.toFloatArray()).isEqualTo(base.transpose().toFloatArray());
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    script     | is a TorchScript archive (torch.jit.save): a program, not a checkpoint | torch.jit.load('OLD'
                    module     | names "torch.nn.modules.linear.Linear" | save its state_dict() instead
                    exotic     | names "research.settings.Exotic" | unknown classes as opaque
                    protocol4  | operation 0x93 | saved again with 2
                    sparse     | names "torch._utils._rebuild_sparse_tensor" | to_dense()
                    conjugated | conjugated or negated view | .resolve_conj()
                    """)
    void whatCannotBeReadIsRefusedWithTheWayOut(String name, String reason, String wayOut) {
        for (String style : new String[] {"current", "2.3"}) {
            assertThatThrownBy(() -> WeightsFile.open(Samples.path("refused-" + name + "-" + style + ".pt")))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining("refused-" + name + "-" + style + ".pt: ")
                    .hasMessageContaining(reason)
                    .hasMessageContaining(wayOut);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    exotic    | names "research.settings.Exotic" | unknown classes as opaque
                    protocol4 | operation 0x93 | saved again with 2
                    sparse    | names "torch._utils._rebuild_sparse_tensor" | to_dense()
                    """)
    void streamThatCannotBeReadIsRefusedWithTheWayOut(String name, String reason, String wayOut) {
        assertThatThrownBy(() -> WeightsFile.open(Samples.path("refused-" + name + "-stream.pt")))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("refused-" + name + "-stream.pt: byte ")
                .hasMessageContaining(reason)
                .hasMessageContaining(wayOut);
    }

    @ParameterizedTest
    @CsvSource({"bare-stream, PyTorch checkpoint (format before 1.6)", "bare-2.3, PyTorch checkpoint"})
    void formatIsTold(String name, String format) throws Exception {
        try (WeightsFile file = WeightsFile.open(Samples.path(name + ".pt"))) {
            assertThat(file.format()).isEqualTo(format);
        }
    }

    @Test
    void unknownClassIsOpaqueOnRequest() throws Exception {
        try (WeightsFile file = WeightsFile.open(Samples.path("refused-exotic-current.pt"), Unknown.OPAQUE)) {
            assertThat(file.stateDict().keys()).containsExactly("a");
            assertThat(((TorchValue.Dict) ((TorchFile) file).root())
                            .get("config")
                            .orElseThrow())
                    .hasToString("Opaque[research.settings.Exotic]");
        }
        try (WeightsFile file = WeightsFile.open(Samples.path("refused-module-2.3.pt"), Unknown.OPAQUE)) {
            assertThat(file.sections()).isEmpty();
        }
    }

    private static String sha256(String name) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(Samples.path(name))));
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }
}
