package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** PyTorch itself opens what is written here. Needs a Python with PyTorch: {@code -Dtest.python=/path/to/python}. */
@Tag("slow")
class PyTorchOpensTest {
    @TempDir
    Path folder;

    @Test
    void torchLoadGivesWhatWasWritten() throws Exception {
        String python = System.getProperty("test.python");
        assumeTrue(python != null, "name a Python that has PyTorch with -Dtest.python=...");
        Path checkpoint = folder.resolve("written.pt");
        Path expected = folder.resolve("expected.safetensors");
        try (TorchFile types = TorchFile.open(Samples.path("types-current.pt"));
                TorchFile views = TorchFile.open(Samples.path("views-current.pt"))) {
            Map<String, TensorSource> flat = new LinkedHashMap<>();
            types.stateDict().tensors().forEach((key, tensor) -> flat.put("ema|" + key, tensor));
            views.stateDict().tensors().forEach((key, tensor) -> flat.put("model|" + key, tensor));
            TensorSource step = TensorSource.of(new Shape(), new long[] {7});
            flat.put("opt.state|0.step", step);
            SafetensorsWriter.write(expected, StateDict.ofTensors(flat), Map.of());
            Map<String, Object> content = new LinkedHashMap<>();
            content.put("model", views.stateDict());
            content.put("ema", types.stateDict());
            content.put("opt", Map.of("state", Map.of(0, Map.of("step", step)), "param_groups", List.of()));
            content.put("note", "é 漢 😀");
            content.put("steps", 1L << 40);
            content.put("lr", 0.1);
            TorchFileWriter.write(checkpoint, content);
        }

        Process process = new ProcessBuilder(
                        python, "../scripts/golden/check_torchfile.py", checkpoint.toString(), expected.toString())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertThat(process.waitFor()).as(output).isZero();
        assertThat(output).contains("31 tensors are equal");
    }
}
