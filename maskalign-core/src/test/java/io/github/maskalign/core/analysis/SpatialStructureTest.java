package io.github.maskalign.core.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.github.maskalign.core.analysis.Measured.Resampling;
import io.github.maskalign.core.analysis.SpatialStructure.Distances;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SpatialStructureTest {

    @Test
    void equalTokensHaveNoStructure() {
        float[][] tokens = new float[36][];
        for (int i = 0; i < tokens.length; i++) {
            tokens[i] = new float[] {i + 1, 2 * i + 2}; // lengths do not count
        }

        SpatialStructure found = SpatialStructure.of(tokens, 6, 6, Distances.CODE);

        assertThat(found.lds()).isCloseTo(0, within(1e-12));
        assertThat(found.cds()).isCloseTo(0, within(1e-12));
        assertThat(found.rmsc()).isCloseTo(0, within(1e-7));
        assertThat(found.srss()).isEmpty();
    }

    @Test
    void orthogonalTokensHaveContrastAlone() {
        float[][] tokens = new float[36][36];
        for (int i = 0; i < tokens.length; i++) {
            tokens[i][i] = i + 1;
        }

        SpatialStructure found = SpatialStructure.of(tokens, 6, 6, Distances.CODE);

        assertThat(found.lds()).isEqualTo(0);
        assertThat(found.cds()).isEqualTo(0);
        assertThat(found.rmsc()).isCloseTo(Math.sqrt(1 - 1 / 36.0), within(1e-12));
    }

    /** cos is 1 at even distances and −1 at odd ones: slope of −1, 1, −1, 1 at 1, 2, 3, 4 is 0.4. */
    @Test
    void aChessboardIsTheClosedForm() {
        float[][] tokens = new float[9][];
        for (int i = 0; i < tokens.length; i++) {
            tokens[i] = new float[] {i % 2 == 0 ? 1 : -1};
        }

        SpatialStructure found = SpatialStructure.of(tokens, 3, 3, new Distances(1, 4, 8));

        assertThat(found.lds()).isEqualTo(-2);
        assertThat(found.cds()).isCloseTo(-0.4, within(1e-12));
        assertThat(found.rmsc()).isCloseTo(Math.sqrt(1 - 1 / 81.0), within(1e-12));
    }

    @Test
    void anObjectOfItsOwnDirectionIsSelfSimilar() {
        float[][] tokens = new float[64][];
        boolean[] mask = new boolean[64];
        for (int i = 0; i < tokens.length; i++) {
            mask[i] = i / 8 < 3 && i % 8 < 3;
            tokens[i] = mask[i] ? new float[] {1, 0} : new float[] {0, 1};
        }

        SpatialStructure found = SpatialStructure.of(tokens, mask, 8, 8, Distances.CODE);
        SpatialStructure none = SpatialStructure.of(tokens, new boolean[64], 8, 8, Distances.CODE);

        assertThat(found.srss()).hasValue(1);
        assertThat(none.srss()).isEmpty();
    }

    @Test
    void summaryIsTheMeanOverPicturesThatHaveTheMeasure() {
        List<SpatialStructure> pictures = new ArrayList<>();
        boolean[] mask = new boolean[64];
        mask[0] = true;
        mask[1] = true;
        for (int i = 0; i < 5; i++) {
            float[][] tokens = SimilarityTest.normal(i, 64, 6);
            pictures.add(
                    i < 3
                            ? SpatialStructure.of(tokens, mask, 8, 8, Distances.PAPER)
                            : SpatialStructure.of(tokens, 8, 8, Distances.PAPER));
        }
        Resampling resampling = new Resampling(100, 0.95, 1);

        SpatialStructure.Summary found = SpatialStructure.summary(pictures, resampling);

        assertThat(found.lds().value())
                .isCloseTo(
                        pictures.stream()
                                .mapToDouble(SpatialStructure::lds)
                                .average()
                                .orElseThrow(),
                        within(1e-12));
        assertThat(found.rmsc().low()).isLessThan(found.rmsc().high());
        assertThat(found.srss().orElseThrow().value())
                .isCloseTo(
                        pictures.stream()
                                .filter(p -> p.srss().isPresent())
                                .mapToDouble(p -> p.srss().getAsDouble())
                                .average()
                                .orElseThrow(),
                        within(1e-12));
        assertThat(SpatialStructure.summary(pictures.subList(3, 5), resampling).srss())
                .isEmpty();
    }

    @Test
    void refusesWhatHasNoAnswer() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SpatialStructure.of(SimilarityTest.normal(1, 9, 2), 3, 3, Distances.CODE))
                .withMessage("no tokens of a grid of 3 x 3 are 6 apart: far must be at most 4");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> SpatialStructure.of(SimilarityTest.normal(1, 63, 2), 8, 8, Distances.CODE))
                .withMessage("tokens must have 8 x 8 = 64 positions but has 63");
        assertThatIllegalArgumentException().isThrownBy(() -> new Distances(6, 6, 8));
    }
}
