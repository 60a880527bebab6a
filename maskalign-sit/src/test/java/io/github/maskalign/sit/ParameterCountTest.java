package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Counts at 32×32×4 and 1,000 classes, computed from the official models. No arrays are made. */
class ParameterCountTest {
    @ParameterizedTest
    @CsvSource({
        "SiT-S/2, 32963360, 32957200, 39515664",
        "SiT-S/4, 32945024, 32920384, 39478848",
        "SiT-S/8, 33148160, 33049600, 39608064",
        "SiT-B/2, 130512416, 130500112, 137845008",
        "SiT-B/4, 130475648, 130426432, 137771328",
        "SiT-B/8, 130881536, 130684672, 138029568",
        "SiT-L/2, 458102816, 458086416, 465955600",
        "SiT-L/4, 458053760, 457988160, 465857344",
        "SiT-L/8, 458594816, 458332416, 466201600",
        "SiT-XL/2, 675129632, 675111184, 683242512",
        "SiT-XL/4, 675074432, 675000640, 683131968",
        "SiT-XL/8, 675683072, 675387904, 683519232"
    })
    void publishedSizes(String id, long official, long fourChannels, long withProjector) {
        SiTConfig plain = SiTVariant.ofId(id).config();

        assertThat(count(plain.withOptions(4, 0.1, false, true))).isEqualTo(official);
        assertThat(count(plain.withProcess(Process.DDPM))).as("DiT's").isEqualTo(official);
        assertThat(count(plain)).isEqualTo(fourChannels);
        assertThat(count(plain.withAlignment(plain.align().depth(), 2048, List.of(768))))
                .isEqualTo(withProjector);
    }

    @ParameterizedTest
    @CsvSource({"SiT-B/2, 131683600, 139028496", "SiT-L/2, 459664144, 467533328", "SiT-XL/2, 676886032, 685017360"})
    void reg(String id, long without, long withProjector) {
        SiTConfig config = SiTVariant.ofId(id).config().withClassToken(768);

        assertThat(count(config)).isEqualTo(without);
        assertThat(count(config.withAlignment(config.align().depth(), 2048, List.of(768))))
                .isEqualTo(withProjector);
    }

    @ParameterizedTest
    @CsvSource({"SiT-B/2, 152940304, 160285200", "SiT-XL/2, 724696336, 732827664"})
    void maskAlign(String id, long without, long withProjector) {
        SiTConfig config = SiTVariant.ofId(id)
                .config()
                .withClassToken(768)
                .withMixer(MixerConfig.PAPER)
                .withPlacement(SubsetPlacement.DROP, 0, 0);

        assertThat(count(config)).isEqualTo(without);
        assertThat(count(config.withAlignment(config.align().depth(), 2048, List.of(768))))
                .isEqualTo(withProjector);
    }

    /** No count overflows: here all that multiplies is as large as it may be, but for the number of equal blocks. */
    @Test
    void theLargestSizesAreCounted() {
        int width = 1 << 16;
        MixerConfig mixer = new MixerConfig(1, 0, 0, 256, MixerConfig.Conditioning.ADALN_ZERO);
        SiTConfig config = SiTConfig.of(32, 32, width, width, 1, 1, 1 << 24)
                .withOptions(256, 0.1, false, true)
                .withMixer(mixer)
                .withClassToken(width)
                .withAlignment(1, width, List.of(width));

        long d = width;
        long block = 3 * d * d + 3 * d + d * d + d + 256 * d * d + 256 * d + 256 * d * d + d + 6 * d * d + 6 * d;
        long patch = 1024 * d * d + d + 2048 * d * d + 2048 * d;
        long labels = ((1L << 24) + 1) * d;
        long time = 256 * d + d + d * d + d;
        long rest =
                2 * d + 3 * (d * d + d) + 2 * d * d + 2 * d + 2 * (d * d + d) + 2 * d; // table, projector, head, class
        assertThat(count(config)).isEqualTo(2 * block + patch + labels + time + rest);
        assertThat(1024 * block).isPositive().isLessThan(1L << 52); // depth 1024
    }

    /** SPRINT: Linear(2D → D) and a mask token. */
    @ParameterizedTest
    @CsvSource({"SiT-B/2, 1180416, 768", "SiT-XL/2, 2655360, 1152"})
    void sprint(String id, long linear, long token) {
        SiTConfig plain = SiTVariant.ofId(id).config();

        assertThat(count(plain.withSparse(2, 0.1)) - count(plain)).isEqualTo(linear + token);
    }

    /** MaskDiT's decoder by hand: entrance, eight blocks of width m, positions, token, and a head of width m. */
    @Test
    void maskDiTAtXl() {
        SiTConfig plain = SiTVariant.XL_2.config();
        SiTConfig decoding =
                plain.withSubset(SubsetConfig.defaults().withRatio(0.5).withDecoder(8, 512, 16));
        long d = 1152;
        long m = 512;
        long entrance = m * d + m + 2 * d * d + 2 * d;
        long blocks = 8 * (12 * m * m + 9 * m + 6 * m * (d + 1));
        long head = 16 * (m + 1) + 2 * m * (d + 1) - 16 * (d + 1) - 2 * d * (d + 1);

        assertThat(count(decoding) - count(plain)).isEqualTo(entrance + blocks + 256 * m + m + head);
    }

    /** MicroDiT's way in and out: a norm before each linear map, 2 m + 2 D beside the mixer of methods 4.6. */
    @Test
    void microDiTAtXl() {
        SiTConfig plain = SiTVariant.XL_2.config();
        MixerConfig.Conditioning adaLn = MixerConfig.Conditioning.ADALN_ZERO;
        MixerConfig normed = new MixerConfig(6, 768, 12, 4, adaLn, MixerConfig.Bottleneck.NORMALISED);
        long d = 1152;
        long m = 768;

        assertThat(count(plain.withMixer(normed)) - count(plain))
                .isEqualTo(6 * (12 * m * m + 9 * m + 6 * m * (d + 1)) + 2 * d * m + m + d + 2 * m + 2 * d);
    }

    @Test
    void repaWithMixerAtXl() {
        SiTConfig config = SiTVariant.XL_2.config().withMixer(MixerConfig.PAPER);

        assertThat(count(config)).isEqualTo(722921488L);
        assertThat(count(config.withAlignment(8, 2048, List.of(768)))).isEqualTo(731052816L);
    }

    @ParameterizedTest
    @CsvSource({"768, 7344896", "1024, 7869440", "1280, 8393984", "1536, 8918528"})
    void projectorsAtB(int encoderWidth, long expected) {
        SiTConfig plain = SiTVariant.B_2.config();

        assertThat(count(plain.withAlignment(4, 2048, List.of(encoderWidth))) - count(plain))
                .isEqualTo(expected);
    }

    /** Methods 4.6: mixers at B width; two plain layers, one adaLN layer, by mixer width. */
    @ParameterizedTest
    @CsvSource({
        "128, NONE, 2, 594000, 500", "256, NONE, 2, 1974000, 500", "768, NONE, 1, 7088000, 500",
        "128, ADALN_ZERO, 1, 986000, 500", "256, ADALN_ZERO, 2, 4334000, 500", "768, ADALN_ZERO, 1, 10628352, 0"
    })
    void mixers(int width, MixerConfig.Conditioning conditioning, int layers, long expected, long rounding) {
        SiTConfig plain = SiTVariant.B_2.config();
        SiTConfig mixed = plain.withMixer(new MixerConfig(layers, width, width / 64, 4, conditioning));

        assertThat(count(mixed) - count(plain)).isBetween(expected - rounding, expected + rounding);
    }

    @Test
    void keysAreThoseOfTheOfficialCheckpoints() {
        SiTConfig repa = SiTVariant.B_2.config().withAlignment(4, 2048, List.of(768));
        Map<String, ?> keys = ParameterKeys.of(new SiT(repa));

        assertThat(keys).hasSize(138);
        assertThat(keys.keySet())
                .contains(
                        "pos_embed",
                        "x_embedder.proj.weight",
                        "t_embedder.mlp.0.weight",
                        "t_embedder.mlp.2.bias",
                        "y_embedder.embedding_table.weight",
                        "blocks.11.attn.qkv.weight",
                        "blocks.11.adaLN_modulation.1.bias",
                        "projectors.0.4.weight",
                        "final_layer.linear.weight",
                        "final_layer.adaLN_modulation.1.weight");
        assertThat(ParameterKeys.of(new SiT(SiTVariant.XL_2.config()))).hasSize(292);
        assertThat(ParameterKeys.of(new SiT(repa.withClassToken(768))).keySet().stream()
                        .filter(key -> !keys.containsKey(key))
                        .collect(Collectors.toSet()))
                .containsExactlyInAnyOrder(
                        "cls_projectors2.weight",
                        "cls_projectors2.bias",
                        "wg_norm.weight",
                        "wg_norm.bias",
                        "final_layer.linear_cls.weight",
                        "final_layer.linear_cls.bias");
    }

    private static long count(SiTConfig config) {
        return ParameterKeys.of(new SiT(config)).values().stream()
                .mapToLong(p -> p.getShape().size())
                .sum();
    }
}
