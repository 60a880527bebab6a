package io.github.maskalign.core.nn;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.LambdaBlock;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import io.github.maskalign.core.align.Projector;
import io.github.maskalign.core.align.TokenMixer;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The blocks of core, in both precisions, and the contract's own teeth. */
class BlockContractTest {
    private static final Shape TOKENS = new Shape(2, 5, 24);
    private static final Shape CONDITION = new Shape(2, 24);

    @ParameterizedTest
    @EnumSource(Precision.class)
    void transformerBlockKeepsIt(Precision precision) {
        for (boolean qkNorm : new boolean[] {false, true}) {
            BlockContract.verify(new AdaLnZeroBlock(24, 3, 4, qkNorm, precision), TOKENS, CONDITION);
            BlockContract.verify(
                    new AdaLnZeroBlock(new AdaLnZeroBlock.Size(24, 20, 2, 1.5, qkNorm), Initializer.ONES, precision),
                    TOKENS,
                    new Shape(2, 20));
        }
    }

    @ParameterizedTest
    @EnumSource(Precision.class)
    void projectorKeepsIt(Precision precision) {
        BlockContract.verify(new Projector(24, 20, 11, precision), TOKENS);
    }

    @ParameterizedTest
    @EnumSource(MixerConfig.Conditioning.class)
    void mixerOfEveryConditioningAndWidthKeepsIt(MixerConfig.Conditioning conditioning) {
        for (int width : new int[] {0, 12, 36}) {
            for (Precision precision : Precision.values()) {
                MixerConfig config = new MixerConfig(2, width, 3, 2, conditioning);

                BlockContract.verify(new TokenMixer(config, 24, 4, precision), TOKENS, CONDITION);
            }
        }
    }

    @Test
    void wrongWidthsAndMissingInputsAreNamed() {
        try (NDManager manager = NDManager.newBaseManager()) {
            AdaLnZeroBlock block = new AdaLnZeroBlock(24, 3, 4, false, Precision.FLOAT32);
            block.initialize(manager, DataType.FLOAT32, TOKENS, CONDITION);
            ParameterStore store = new ParameterStore(manager, false);
            NDArray tokens = manager.ones(TOKENS);
            NDArray narrow = manager.ones(new Shape(2, 5, 20));

            assertThatThrownBy(() -> block.forward(store, new NDList(tokens), false))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("AdaLnZeroBlock takes 2 inputs but was given 1");
            assertThatThrownBy(() -> block.forward(store, new NDList(narrow, manager.ones(CONDITION)), false))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("AdaLnZeroBlock: input 0 must have shape (N, T, 24) but has shape (2, 5, 20)");
        }
    }

    @Test
    void brokenPromisesAreNamed() {
        assertThatThrownBy(() -> BlockContract.verify(
                        new LambdaBlock(in -> new NDList(in.head().addi(1)), "in place"), TOKENS))
                .isInstanceOf(AssertionError.class);
        assertThatThrownBy(() -> BlockContract.verify(
                        new LambdaBlock(in -> new NDList(in.head().toType(DataType.FLOAT64, false)), "f64"), TOKENS))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("float64");
        assertThatThrownBy(() -> BlockContract.verify(new WrongShapes(), new Shape(2, 5)))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("getOutputShapes gives [(2, 4)] but forward gives [(2, 3)]");
    }

    private static final class WrongShapes extends AbstractBlock {
        @Override
        protected NDList forwardInternal(
                ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
            return new NDList(inputs.head().get(":, :3"));
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return new Shape[] {new Shape(inputShapes[0].get(0), 4)};
        }
    }
}
