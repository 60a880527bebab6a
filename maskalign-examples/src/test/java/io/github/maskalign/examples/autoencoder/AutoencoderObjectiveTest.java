package io.github.maskalign.examples.autoencoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.train.Objective.StepLosses;
import io.github.maskalign.examples.emoji.EmojiConfig;
import io.github.maskalign.examples.emoji.EmojiGroup;
import io.github.maskalign.examples.emoji.EmojiSet;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class AutoencoderObjectiveTest {
    @Test
    void mirrorSwapsLeftAndRightOfOnePicture() {
        byte[] pixels = new byte[24];
        for (int k = 0; k < pixels.length; k++) {
            pixels[k] = (byte) k;
        }

        AutoencoderObjective.mirror(pixels, 12, 2);

        assertThat(pixels)
                .containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 12, 15, 14, 17, 16, 19, 18, 21, 20, 23, 22);
    }

    @Test
    void lossIsTheWeightedSumOfItsPartsAndTheMeanOverSamplesHoweverTheyAreSplit() throws Exception {
        EmojiSet hearts = EmojiSet.open(
                EmojiConfig.ofGroups(List.of("twemoji"), 64, List.of(EmojiGroup.HEARTS)),
                Path.of("target", "emoji-cache"),
                (done, total) -> {});
        try (NDManager manager = NDManager.newBaseManager(Device.cpu());
                GradMode off = GradMode.off()) {
            AutoencoderObjective objective = new AutoencoderObjective(AutoencoderConfigTest.small(), hearts, manager);

            StepLosses both = objective.loss(manager, 0, 6, 2);
            double split = 0;
            for (int i = 0; i < 2; i++) {
                split += objective.loss(manager, 0, 6 + i, 1).total().getFloat() / 2;
            }

            double sum = part(both, "pixel") + part(both, "edge") + 0.25 * part(both, "half") + 0.01 * part(both, "kl");
            assertThat((double) both.total().getFloat()).isCloseTo(sum, within(1e-5));
            assertThat((double) both.total().getFloat()).isCloseTo(split, within(1e-5));
            assertThat(objective.loss(manager, 9, 6, 2).total().getFloat())
                    .isEqualTo(both.total().getFloat());
            assertThat(objective.loss(manager, 0, 8, 2).total().getFloat())
                    .isNotEqualTo(both.total().getFloat());
        }
    }

    private static double part(StepLosses losses, String name) {
        return losses.parts().get(name).getFloat();
    }
}
