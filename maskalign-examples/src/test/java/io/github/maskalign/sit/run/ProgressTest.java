package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.ImageTensorData;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTTraining;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ProgressTest {
    @Test
    void listenerTellsADisplayOfEachStepOfATraining() throws IOException {
        List<String> seen = new ArrayList<>();
        Progress.Display display = plan -> {
            seen.add(plan.task() + " " + plan.firstStep() + " to " + plan.totalSteps() + " by " + plan.imagesPerStep());
            return new Progress() {
                @Override
                public void step(long step, double loss) {
                    seen.add("step " + step + (Double.isFinite(loss) ? "" : " without loss"));
                }

                @Override
                public void close() {
                    seen.add("closed");
                }
            };
        };
        try (SiTTraining training = SiTTraining.builder()
                .setModel(SiTConfig.of(4, 2, 3, 16, 1, 2, 2))
                .setData((draws, kept) ->
                        new ImageTensorData(new byte[4][3 * 4 * 4], new int[4], new Shape(3, 4, 4), draws))
                .setSteps(2)
                .setBatch(2)
                .optListener(Progress.listener(display, 2, 2, 1))
                .build()) {
            training.run();
        }

        assertThat(seen).containsExactly("train 0 to 2 by 2", "step 1", "step 2", "closed");
    }
}
