package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.engine.internal.MemoryShortage.Place;
import io.github.maskalign.sit.run.RunConfig;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class MemoryAdviceTest {
    private static RunConfig config(String... overrides) {
        Path file = Path.of("..", "configs", "imagenet-sit-xl-2.yaml");
        return ConfigBinder.bind(file, List.of(overrides), RunConfig.class).value();
    }

    @Test
    void deviceIsRelievedByWhatChangesNothingFirst() {
        assertThat(MemoryAdvice.of(config("runtime.precision=FLOAT32", "train.accumulation=2"), Place.DEVICE, 1))
                .isEqualTo("""
                        what has been saved is unharmed; the same command goes on from there, with one or more of
                          train.accumulation=4 (now 2)
                          train.activationCheckpointing=1 (a third more time, the same gradients)
                          PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True in the environment, if the memory is there but\
                         in pieces
                        or, as another run, with runtime.precision=BFLOAT16 or a larger subset.ratio (now 0.25)""");
    }

    @Test
    void onlyWhatCanStillBeChangedIsNamed() {
        RunConfig all = config(
                "runtime.precision=BFLOAT16",
                "train.globalBatch=8",
                "train.accumulation=4",
                "train.activationCheckpointing=1",
                "subset.placement=NONE",
                "subset.ratio=0.0");

        assertThat(MemoryAdvice.of(all, Place.DEVICE, 2))
                .doesNotContain("train.accumulation", "activationCheckpointing", "BFLOAT16", "subset.ratio");
        assertThat(MemoryAdvice.of(all, Place.DEVICE, 1)).contains("train.accumulation=8 (now 4)");
    }

    @Test
    void hostAndJavaHaveTheirOwnRemedies() {
        assertThat(MemoryAdvice.of(config("train.asyncSave=true"), Place.HOST, 1))
                .contains("train.asyncSave=false", "a smaller data.readAhead (now 4)")
                .doesNotContain("PYTORCH_CUDA");
        assertThat(MemoryAdvice.of(config(), Place.JAVA_HEAP, 1))
                .contains("-Xmx8g")
                .doesNotContain("accumulation");
        assertThat(MemoryAdvice.of(config(), Place.JAVA_DIRECT, 1)).contains("-XX:MaxDirectMemorySize=4g");
    }
}
