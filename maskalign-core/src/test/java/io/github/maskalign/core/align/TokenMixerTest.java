package io.github.maskalign.core.align;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.align.TokenMixer.MixerConfig.Conditioning;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.internal.BlockRunner;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The mixer alone, as a DJL block; its numbers are compared in the golden cases of whole models. */
class TokenMixerTest {
    private static final int WIDTH = 24;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "layers | -1 | mixer.layers must be in [0, 64] but was -1",
                "layers | 65 | mixer.layers must be in [0, 64] but was 65",
                "width  | -1 | mixer.width must be in [0, 65536] but was -1",
                "heads  | -1 | mixer.heads must be in [0, 65536] but was -1"
            })
    void wrongSizesAreNamed(String component, int value, String message) {
        assertThatThrownBy(() -> new MixerConfig(
                        component.equals("layers") ? value : 2,
                        component.equals("width") ? value : 0,
                        component.equals("heads") ? value : 0,
                        4,
                        Conditioning.ADALN_ZERO))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void wrongShapesAreNamed() {
        assertThatThrownBy(() -> new MixerConfig(2, 0, 0, 0, Conditioning.ADALN_ZERO))
                .hasMessage("mixer.mlpRatio must be in (0, 256] but was 0.0");
        assertThatThrownBy(() -> new TokenMixer(MixerConfig.NONE, WIDTH, 3, Precision.FLOAT32))
                .hasMessage("a token mixer needs at least one layer");
        assertThatThrownBy(() ->
                        new TokenMixer(new MixerConfig(1, 0, 5, 4, Conditioning.NONE), WIDTH, 3, Precision.FLOAT32))
                .hasMessage("mixer.heads must divide the mixer's width 24 but was 5");
    }

    /** A fresh mixer changes nothing where its gates, or its way out, start at zero. */
    @ParameterizedTest
    @EnumSource(Conditioning.class)
    void freshMixerIsTheIdentityWhereItIsMeantToBe(Conditioning conditioning) {
        assertThat(change(new MixerConfig(2, 12, 3, 2, conditioning))).isZero(); // the way out starts at zero
        double direct = change(new MixerConfig(2, 0, 0, 2, conditioning));
        if (conditioning == Conditioning.ADALN_ZERO) {
            assertThat(direct).isZero();
        } else {
            assertThat(direct).isGreaterThan(1e-2);
        }
    }

    /** Between norms nothing is added to the tokens, so their own values are gone; widening may wait. */
    @Test
    void aMixerBetweenNormsWidensWhatIsLeft() {
        try (NDManager manager = NDManager.newBaseManager()) {
            MixerConfig config =
                    new MixerConfig(1, 12, 3, 2, Conditioning.ADALN_ZERO, MixerConfig.Bottleneck.NORMALISED);
            TokenMixer mixer = new TokenMixer(config, WIDTH, 3, Precision.FLOAT32);
            Shape tokens = new Shape(2, 5, WIDTH);
            mixer.initialize(manager, DataType.FLOAT32, tokens, new Shape(2, WIDTH));
            ParameterStore store = new ParameterStore(manager, false);
            NDArray x = manager.randomNormal(tokens);
            NDArray c = manager.randomNormal(new Shape(2, WIDTH));

            NDArray mixed = mixer.mix(store, false, x, c, BlockRunner.PLAIN);
            NDArray first = mixer.leave(store, false, mixed.get(":, :2"), BlockRunner.PLAIN);
            NDArray all = mixer.forward(store, false, x, c, BlockRunner.PLAIN);

            assertThat(mixed.getShape()).isEqualTo(new Shape(2, 5, 12));
            assertThat(first.toFloatArray()).containsExactly(all.get(":, :2").toFloatArray(), within(1e-6f));
            NDArray scaled = mixer.forward(store, false, x.mul(3).add(1), c, BlockRunner.PLAIN);
            assertThat(scaled.toFloatArray()).containsExactly(all.toFloatArray(), within(1e-4f)); // the norm's own
        }
    }

    private static double change(MixerConfig config) {
        try (NDManager manager = NDManager.newBaseManager()) {
            TokenMixer mixer = new TokenMixer(config, WIDTH, 3, Precision.FLOAT32);
            Shape tokens = new Shape(2, 5, WIDTH);
            Shape condition = new Shape(2, WIDTH);
            mixer.initialize(manager, DataType.FLOAT32, tokens, condition);
            NDArray x = manager.randomNormal(tokens);
            NDArray c = manager.randomNormal(condition);

            NDArray y = mixer.forward(new ParameterStore(manager, false), new NDList(x, c), false)
                    .singletonOrThrow();

            assertThat(y.getShape())
                    .isEqualTo(tokens)
                    .isEqualTo(mixer.getOutputShapes(new Shape[] {tokens, condition})[0]);
            return y.sub(x).abs().max().getFloat();
        }
    }
}
