package io.github.maskalign.core.align;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TokenSubsetTest {
    private static final TokenSubset SUBSET = new TokenSubset(5, 3, new long[] {4, 0, 1, 1, 2, 3});

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void indicesBecomeAnInt64Array() {
        NDArray keep = SUBSET.toNDArray(manager);

        assertThat(keep.getShape()).isEqualTo(new Shape(2, 3));
        assertThat(keep.getDataType()).isEqualTo(DataType.INT64);
        assertThat(keep.toLongArray()).isEqualTo(SUBSET.keep());
        assertThat(keep.getManager()).isSameAs(manager);
        assertThat(manager.getManagedArrays()).hasSize(1);
    }

    @Test
    void classTokenIsPrependedAndPatchesMoveByOne() {
        TokenSubset shifted = SUBSET.withClassToken();

        assertThat(shifted).isEqualTo(new TokenSubset(6, 4, new long[] {0, 5, 1, 2, 0, 2, 3, 4}));
    }

    @Test
    void restoreIsTheArgsortOfKeptThenDropped() {
        NDArray restore = SUBSET.restore(manager);

        assertThat(restore.getShape()).isEqualTo(new Shape(2, 5));
        // orders [4 0 1 | 2 3] and [1 2 3 | 0 4]
        assertThat(restore.toLongArray()).containsExactly(1, 2, 3, 4, 0, 3, 0, 1, 2, 4);
    }

    @Test
    void maskMarksTheRemoved() {
        NDArray mask = SUBSET.mask(manager);

        assertThat(mask.getShape()).isEqualTo(new Shape(2, 5));
        assertThat(mask.toFloatArray()).containsExactly(0, 0, 1, 1, 0, 1, 0, 0, 0, 1);
    }

    @Test
    void gatherTakesRowsAndRestorePutsThemBack() {
        NDArray x = manager.arange(2 * 5 * 2).reshape(2, 5, 2).toType(DataType.FLOAT32, true);
        NDArray filler = manager.full(new Shape(2, 2, 2), -1f);

        NDArray kept = TokenSubset.gather(x, SUBSET.toNDArray(manager)); // (2, 3, 2)
        NDArray back = TokenSubset.gather(kept.concat(filler, 1), SUBSET.restore(manager)); // (2, 5, 2)

        assertThat(kept.toFloatArray()).containsExactly(8, 9, 0, 1, 2, 3, 12, 13, 14, 15, 16, 17);
        assertThat(back.toFloatArray())
                .containsExactly(0, 1, 2, 3, -1, -1, -1, -1, 8, 9, -1, -1, 12, 13, 14, 15, 16, 17, -1, -1);
    }

    @Test
    void gradientOfDroppedTokensIsZero() {
        NDArray x = manager.ones(new Shape(2, 5, 2));
        x.setRequiresGradient(true);

        try (GradientCollector collector = Engine.getInstance().newGradientCollector()) {
            NDArray kept = TokenSubset.gather(x, SUBSET.toNDArray(manager));
            collector.backward(kept.square().sum());
        }

        NDArray perToken = x.getGradient().sum(new int[] {2}); // (2, 5)
        assertThat(perToken.toFloatArray()).containsExactly(4, 4, 0, 0, 4, 0, 4, 4, 4, 0);
    }

    @Test
    void fullSubsetKeepsEverythingInOrder() {
        TokenSubset full = TokenSubset.all(2, 3);

        assertThat(full.isFull()).isTrue();
        assertThat(full.row(1)).containsExactly(0, 1, 2);
        assertThat(SUBSET.isFull()).isFalse();
        assertThat(SUBSET.row(1)).containsExactly(1, 2, 3);
    }

    @Test
    void arraysOfTheCallerAreCopied() {
        long[] given = {0, 1};
        TokenSubset subset = new TokenSubset(3, 2, given);
        given[0] = 2;
        subset.keep()[1] = 2;

        assertThat(subset.keep()).containsExactly(0, 1);
    }

    @Test
    void malformedIndicesAreNamed() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new TokenSubset(5, 3, new long[] {0, 1, 2, 3, 4, 3}))
                .withMessage("row 1 of keep must hold different indices below 5 but has 3 at place 2");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new TokenSubset(5, 1, new long[] {5}))
                .withMessageContaining("but has 5 at place 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new TokenSubset(5, 3, new long[] {0, 1}))
                .withMessage("keep must hold rows of 3 indices but had 2 numbers");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new TokenSubset(5, 6, new long[6]))
                .withMessageContaining("was 6 of 5");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TokenSubset.gather(manager.ones(new Shape(3, 5, 2)), SUBSET.toNDArray(manager)))
                .withMessageContaining("(3, 5, 2) and (2, 3)");
    }
}
