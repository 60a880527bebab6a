package io.github.maskalign.examples.autoencoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.ConfigBinder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class AutoencoderConfigTest {
    private static final Path SHIPPED = Path.of("..", "configs", "emoji-64-autoencoder.yaml");

    static AutoencoderConfig small() {
        return with(List.of("noto", "twemoji"), "fxemoji");
    }

    @Test
    void shippedConfigBindsAndSaysWhatItIs() throws Exception {
        AutoencoderConfig config =
                ConfigBinder.bind(SHIPPED, List.of(), AutoencoderConfig.class).value();

        assertThat(config.heldOut()).isEqualTo("fxemoji");
        assertThat(config.sets()).doesNotContain("fxemoji", "openmoji");
        assertThat(Files.readString(SHIPPED).split("\n\n")[0])
                .contains(
                        "Purpose:",
                        "Expected:",
                        "scripts/maskalign train-autoencoder configs/emoji-64-autoencoder.yaml");
    }

    @Test
    void rateWarmsUpAndEndsAtZero() {
        assertThat(small().optim().lrAt(0)).isLessThan(1e-3);
        assertThat(small().optim().lrAt(5)).isEqualTo(1e-3);
        assertThat(small().optim().lrAt(100)).isZero();
    }

    @Test
    void setsThatDoNotGoTogetherAreRefused() {
        assertThatThrownBy(() -> with(List.of("noto"), "noto")).hasMessageContaining("heldOut must not be among sets");
        assertThatThrownBy(() -> with(List.of(), "noto")).hasMessageContaining("sets must name at least one");
    }

    private static AutoencoderConfig with(List<String> sets, String heldOut) {
        return new AutoencoderConfig("a", 0, sets, heldOut, 100, 8, 1e-3, 0.99, 1, 0.25, 0.01, 0);
    }
}
