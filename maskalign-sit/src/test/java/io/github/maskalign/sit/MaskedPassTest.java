package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.BlockRunner;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLosses;
import io.github.maskalign.sit.SiTOutput.Wanted;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Placement MASKED_PASS, what the golden cases do not show. */
class MaskedPassTest {
    private static final SiTConfig CONFIG = TinySiT.placed(TinySiT.plain(), SubsetPlacement.MASKED_PASS, 0, 0);

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
        manager.getEngine().setRandomSeed(5);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void keepingAllTokensIsTheFirstPass() {
        SiT model = TinySiT.moved(CONFIG, manager);
        SiTInput in = TinySiT.input(CONFIG, manager, null);

        float[] all = TinySiT.run(model, in).velocity().toFloatArray();
        float[] kept = TinySiT.run(model, TinySiT.with(in, TinySiT.keepAll(manager)))
                .velocity()
                .toFloatArray();
        float[] five = TinySiT.run(model, TinySiT.with(in, TinySiT.keepFive(manager)))
                .velocity()
                .toFloatArray();

        assertThat(kept).containsExactly(all, within(1e-5f)); // sums in another order
        assertThat(five).isNotEqualTo(all);
    }

    @Test
    void orderOfKeptTokensDoesNotMatter() {
        SiT model = TinySiT.moved(CONFIG, manager);
        SiTInput in = TinySiT.input(CONFIG, manager, TinySiT.keepFive(manager));
        NDArray keep = TinySiT.keepFive(manager);
        NDArray turned = keep.flip(1);

        assertThat(TinySiT.run(model, TinySiT.with(in, turned)).velocity().toFloatArray())
                .containsExactly(TinySiT.run(model, in).velocity().toFloatArray(), within(1e-5f));
    }

    @Test
    void bothPassesAreAddedAndTheSecondIsNamed() {
        SiT model = TinySiT.moved(CONFIG, manager);
        SiTLoss loss = new SiTLoss(model, Interpolant.LINEAR);
        ParameterStore store = new ParameterStore(manager, false);
        SiTLossInput in = TinySiT.lossInput(CONFIG, manager, TinySiT.keepFive(manager));

        SiTLosses both = loss.compute(store, in);
        SiTLosses first = loss.compute(store, in.withContext(SiTLossInput.Context.FIRST));

        assertThat(first.parts()).containsOnlyKeys("velocity");
        assertThat(both.parts()).containsOnlyKeys("velocity", "masked");
        assertThat(both.velocity().getFloat()).isEqualTo(first.total().getFloat());
        assertThat(both.total().getFloat())
                .isEqualTo(first.total().getFloat() + both.parts().get("masked").getFloat());
    }

    @Test
    void hiddenTokensOfAllBlocksAreHandedOut() {
        SiT model = TinySiT.moved(CONFIG, manager);
        SiTInput in = TinySiT.input(CONFIG, manager, TinySiT.keepFive(manager));

        SiTOutput out = model.forward(
                new ParameterStore(manager, false),
                in,
                false,
                BlockRunner.PLAIN,
                new Wanted(Set.of(0, 1, 2, 3), Set.of(), false));

        assertThat(out.taps().hidden(0).getShape().get(1)).isEqualTo(9);
        assertThat(out.taps().hidden(1).getShape().get(1)).isEqualTo(5); // in-block
        assertThat(out.taps().hidden(2).getShape().get(1)).isEqualTo(5); // out-block
        assertThat(out.taps().hidden(3).getShape().get(1)).isEqualTo(9); // decoder
        assertThatThrownBy(() -> model.forward(
                        new ParameterStore(manager, false),
                        in,
                        false,
                        BlockRunner.PLAIN,
                        new Wanted(Set.of(), Set.of(1), false)))
                .hasMessageContaining("attention")
                .hasMessageContaining("MASKED_PASS");
    }

    @Test
    void aFreshModelStartsFromTheFormulaAndLearnsBothTables() {
        Map<String, NDArray> weights = Weights.of(TinySiT.fresh(CONFIG, manager));

        assertThat(weights.get("decoder_pos_embed").toFloatArray())
                .isEqualTo(weights.get("pos_embed").toFloatArray());
        assertThat(weights.keySet())
                .contains(
                        "mask_token",
                        "en_inblocks.0.attn.rel_pos_bias.relative_position_bias_table",
                        "en_outblocks.0.skip_linear.weight",
                        "de_blocks.0.skip_linear.bias",
                        "sideblocks.0.mlp.fc1.weight")
                .doesNotContain(
                        "en_inblocks.0.skip_linear.weight",
                        "sideblocks.0.skip_linear.weight",
                        "blocks.0.attn.qkv.weight");
        assertThat(weights.get("en_inblocks.0.attn.rel_pos_bias.relative_position_bias_table")
                        .getShape()
                        .getShape())
                .containsExactly(5 * 5 + 3, 3);
        assertThat(Weights.trainable(TinySiT.fresh(CONFIG, manager))).hasSize(weights.size());
    }

    @Test
    void bfloat16IsNearFloat32() {
        SiT exact = TinySiT.moved(CONFIG, manager);
        SiT rounded = TinySiT.fresh(CONFIG, Precision.BFLOAT16, manager);
        Weights.copyInto(rounded, Weights.of(exact));
        SiTInput in = TinySiT.input(CONFIG, manager, TinySiT.keepFive(manager));

        try (GradMode values = GradMode.off()) {
            NDArray a = TinySiT.run(exact, in).velocity();
            NDArray b = TinySiT.run(rounded, in).velocity();
            assertThat(b.sub(a).norm().getFloat() / a.norm().getFloat()).isBetween(1e-5f, 0.05f); // 8 bits, 4 blocks
        }
    }

    @Test
    void whatItsBlocksGoWithoutIsRefused() {
        assertThatThrownBy(() -> CONFIG.withClassToken(7)).hasMessageContaining("cls.enabled must be off");
        assertThatThrownBy(() -> CONFIG.withAlignment(1, 20, List.of(7)))
                .hasMessageContaining("align.enabled must be off");
        assertThatThrownBy(() -> CONFIG.withMixer(MixerConfig.PAPER)).hasMessageContaining("mixer.layers must be off");
        assertThatThrownBy(() -> CONFIG.withOptions(4, 0.1, true, false))
                .hasMessageContaining("model.qkNorm must be off");
        assertThatThrownBy(() -> CONFIG.withTerms(LossTerms.NONE.withFeatures(LossTerms.Features.of(1))))
                .hasMessageContaining("terms other than minSnr must be off");
        assertThatThrownBy(() -> CONFIG.withSubset(CONFIG.subset().withSparse(2, 0)))
                .hasMessageContaining("subset.dense")
                .hasMessageContaining("even number of the 3 blocks");
        assertThatThrownBy(() -> CONFIG.withTerms(CONFIG.terms().withMinSnr(5)))
                .hasMessageContaining("terms.minSnr must be 0 with diffusion.process FLOW");
    }
}
