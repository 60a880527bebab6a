package io.github.maskalign.sit.run.internal;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.run.RunConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Values of a model become bytes by the rule of their project, and pixels that are the latents by an exact one. */
class PictureDecoderTest {
    private static final SiTConfig PIXELS =
            SiTConfig.of(16, 2, 3, 16, 2, 2, 5); // 3 x 16 x 16 is three times every byte

    @Test
    void everyByteOfATrainingPictureComesBack() throws IOException {
        byte[] picture = everyByte();

        try (PictureDecoder decoder = PictureDecoder.open(run("emoji-32"), Device.cpu())) {
            assertThat(decoded(decoder)).isEqualTo(picture);
            assertThat(decoder.pixels()).isEqualTo(PixelScaling.ROUND);
        }
    }

    @Test
    void aConfigMayAskForTheOtherRule() throws IOException {
        byte[] picture = everyByte();

        try (PictureDecoder decoder = PictureDecoder.open(run("emoji-32", "data.pixels=TRUNCATE"), Device.cpu())) {
            assertThat(decoded(decoder)).isNotEqualTo(picture); // some levels are lost
        }
    }

    @Test
    void runsOnLatentsTruncateAsTheProjectsOfTheirMethodsDo() {
        for (String method : List.of("sit", "repa", "reg", "maskalign")) {
            RunConfig plain = run("imagenet-sit-b-2", "method=" + method);
            RunConfig rounded = run("imagenet-sit-b-2", "method=" + method, "data.pixels=ROUND");
            assertThat(RunPlan.pixels(plain)).isEqualTo(PixelScaling.TRUNCATE);
            assertThat(RunPlan.pixels(rounded)).isEqualTo(PixelScaling.ROUND);
            assertThat(RunPlan.settings(rounded)).isEqualTo(RunPlan.settings(plain));
        }
    }

    private static byte[] everyByte() {
        byte[] picture = new byte[3 * 16 * 16];
        for (int i = 0; i < picture.length; i++) {
            picture[i] = (byte) i;
        }
        return picture;
    }

    /** What is drawn of a model that learned the picture of every byte by heart. */
    private static byte[] decoded(PictureDecoder decoder) {
        byte[] picture = everyByte();
        float[] x = new float[picture.length];
        for (int i = 0; i < x.length; i++) {
            x[i] = PixelScaling.toModel(picture[i]);
        }
        try (NDManager manager = NDManager.newBaseManager()) {
            return decoder.decode(manager, PIXELS, x, 1).pixels();
        }
    }

    private static RunConfig run(String name, String... overrides) {
        return ConfigBinder.bind(Path.of("..", "configs", name + ".yaml"), List.of(overrides), RunConfig.class)
                .value();
    }
}
