package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.sit.run.internal.ActivationMemory;
import java.util.List;
import org.junit.jupiter.api.Test;

class ActivationMemoryTest {
    private static final SiTConfig PLAIN = SiTConfig.of(32, 2, 4, 768, 12, 12, 1000);

    @Test
    void plainModelKeepsEightyBytesATokenBlockAndWidth() {
        assertThat(ActivationMemory.bytes(PLAIN, Precision.FLOAT32, 3, 256, 0)).isEqualTo(3L * 256 * 12 * 80 * 768);
    }

    @Test
    void halfPrecisionKeepsFortyEight() {
        assertThat(ActivationMemory.bytes(PLAIN, Precision.BFLOAT16, 3, 256, 0)).isEqualTo(3L * 256 * 12 * 48 * 768);
    }

    @Test
    void checkpointingKeepsResultsAndOneBlock() {
        long block = 3L * 256 * 80 * 768;
        long result = 3L * 256 * 4 * 768;

        assertThat(ActivationMemory.bytes(PLAIN, Precision.FLOAT32, 3, 256, 1)).isEqualTo(12 * result + block);
        assertThat(ActivationMemory.bytes(PLAIN, Precision.FLOAT32, 3, 256, 2))
                .isEqualTo(6 * result + 6 * block + block);
    }

    @Test
    void droppedTokensCountWhereTheyArePresent() {
        SiTConfig reg = PLAIN.withAlignment(4, 2048, List.of(384)).withClassToken(384);
        long token = 80 * 768;
        long projected = 4 * (4 * 2048 + 3 * 384);

        assertThat(bytes(reg)).isEqualTo(257 * (12 * token + projected));
        assertThat(bytes(reg.withPlacement(SubsetPlacement.LOSS_ONLY, 0, 0))).isEqualTo(bytes(reg));
        assertThat(bytes(reg.withPlacement(SubsetPlacement.DROP, 0, 0))).isEqualTo(193 * (12 * token + projected));
        assertThat(bytes(reg.withPlacement(SubsetPlacement.DROP, 0, 0).withMixer(MixerConfig.PAPER)))
                .isEqualTo(193 * (12 * token + projected) + 2 * 257 * token);
        assertThat(bytes(reg.withPlacement(SubsetPlacement.ROUTE, 2, 7)))
                .isEqualTo(193 * (6 * token + projected) + 257 * 6 * token);
    }

    /** Attention weights and biases stay, 2 · 12 T² numbers of one sample, and a long skip keeps both of its inputs. */
    @Test
    void twoPassesWithBiasesAndLongSkipsAreBothCounted() {
        SiTConfig twice =
                PLAIN.withSubset(PLAIN.subset().withSparse(4, 0)).withPlacement(SubsetPlacement.MASKED_PASS, 0, 0);
        long all = 256 * 80 * 768 + 4 * 2 * 12 * 256 * 256;
        long some = 192 * 80 * 768 + 4 * 2 * 12 * 192 * 192;
        long skip = 4 * 2 * 768;

        assertThat(bytes(twice))
                .isEqualTo((8 * all + 4 * 256 * skip + 4 * (all + 256 * skip))
                        + (8 * some + 4 * 192 * skip + all + 4 * (all + 256 * skip)));
        assertThat(ActivationMemory.bytes(
                        twice, Precision.FLOAT32, 1, 256, 0)) // a step that drops nothing has one pass
                .isEqualTo(12 * all + 8 * 256 * skip);
    }

    private static long bytes(SiTConfig config) {
        return ActivationMemory.bytes(config, Precision.FLOAT32, 1, 192, 0);
    }
}
