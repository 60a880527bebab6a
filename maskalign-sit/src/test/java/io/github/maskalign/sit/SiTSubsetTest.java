package io.github.maskalign.sit;

import static io.github.maskalign.sit.TinySiT.N;
import static io.github.maskalign.sit.TinySiT.T;
import static io.github.maskalign.sit.TinySiT.input;
import static io.github.maskalign.sit.TinySiT.keep;
import static io.github.maskalign.sit.TinySiT.keepAll;
import static io.github.maskalign.sit.TinySiT.keepFive;
import static io.github.maskalign.sit.TinySiT.like;
import static io.github.maskalign.sit.TinySiT.lossInput;
import static io.github.maskalign.sit.TinySiT.moved;
import static io.github.maskalign.sit.TinySiT.run;
import static io.github.maskalign.sit.TinySiT.with;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.TokenRows;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The algebra of dropped tokens: what a subset may change, and what it must not. */
@Tag("bits")
class SiTSubsetTest {
    private static final int SEED = 19;
    /** Three blocks and a head in float32, summed in another order. */
    private static final float ROUNDING = 2e-5f;

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager();
        manager.getEngine().setRandomSeed(SEED);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @EnumSource(
            value = SubsetPlacement.class,
            mode = EnumSource.Mode.EXCLUDE,
            names = {"NONE", "MASKED_PASS"})
    void keepingAllTokensEqualsNoSubset(SubsetPlacement where) {
        for (SiTConfig base : List.of(TinySiT.repa(), TinySiT.reg().withMixer(MixerConfig.PAPER))) {
            SiT model = moved(TinySiT.placed(base, where, 0, 1), manager);
            SiTInput in = input(base, manager, null);
            SiTLossInput lossIn = lossInput(base, manager, null);

            SiTOutput plain = run(model, in);
            SiTOutput kept = run(model, with(in, keepAll(manager)));
            NDArray velocity = where == SubsetPlacement.DROP ? picture(kept.velocity()) : kept.velocity();

            assertClose(velocity, plain.velocity());
            assertClose(kept.projected().get(0), plain.projected().get(0));
            if (plain.classVelocity() != null) {
                assertClose(kept.toNDList().get(1), plain.classVelocity());
            }
            assertThat(total(model, with(lossIn, keepAll(manager)))).isCloseTo(total(model, lossIn), within(ROUNDING));
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = SubsetPlacement.class,
            mode = EnumSource.Mode.EXCLUDE,
            names = {"NONE", "MASKED_PASS"})
    void targetsOfTheKeptTokensAreEnough(SubsetPlacement where) {
        for (SiTConfig base : List.of(TinySiT.repa(), TinySiT.reg().withMixer(MixerConfig.PAPER))) {
            SiT model = moved(TinySiT.placed(base, where, 0, 1), manager);
            NDArray keep = keepFive(manager);
            SiTLossInput all = lossInput(base, manager, keep);
            NDArray target = all.targets().get(0); // (3, 1+9, Z)

            SiTLossInput chosen = all.withTargets(List.of(new TokenRows(true).gather(target, keep)));

            assertThat(total(model, chosen)).isEqualTo(total(model, all)); // the same sums, so the same bits
            assertThatThrownBy(() -> total(model, all.withTargets(List.of(target.get(":, :4")))))
                    .hasMessage(
                            "an encoder must give a class token and 9 patches, or the 5 kept ones, but gave (3, 4, 11)");
            assertThatThrownBy(() -> total(model, with(chosen, null)))
                    .hasMessage("an encoder must give a class token and 9 patches but gave (3, 6, 11)");
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void permutedSubsetPermutesTheOutputs(boolean classToken) {
        SiTConfig config = (classToken ? TinySiT.maskAlign() : TinySiT.repa().withMixer(MixerConfig.PAPER))
                .withPlacement(SubsetPlacement.DROP, 0, 0);
        SiT model = moved(config, manager);
        SiTInput in = input(config, manager, keepFive(manager));
        SiTLossInput lossIn = lossInput(config, manager, keepFive(manager));
        NDArray order = TinySiT.labels(manager, 4, 2, 0, 1, 3); // new place k holds old place order[k]
        NDArray permuted = keepFive(manager).get(":, {}", order);
        int first = classToken ? 1 : 0;

        SiTOutput a = run(model, in);
        SiTOutput b = run(model, with(in, permuted));

        assertClose(b.velocity(), a.velocity().get(":, {}", order));
        assertClose(
                b.projected().get(0).get(":, " + first + ":"),
                a.projected().get(0).get(":, " + first + ":").get(":, {}", order));
        if (classToken) {
            assertClose(b.projected().get(0).get(":, 0"), a.projected().get(0).get(":, 0"));
            assertClose(b.toNDList().get(1), a.toNDList().get(1));
        }
        assertThat(total(model, with(lossIn, permuted))).isCloseTo(total(model, lossIn), within(ROUNDING));
    }

    @ParameterizedTest
    @CsvSource({"DROP, false", "DROP, true", "DROP_REINSERT, false", "DROP_REINSERT, true"})
    void droppedPatchesGetExactlyNoGradientWithoutAMixer(SubsetPlacement where, boolean classToken) {
        SiTConfig config = (classToken ? TinySiT.reg() : TinySiT.repa()).withPlacement(where, 0, 0);

        float[] norms = patchGradients(moved(config, manager));

        assertPatches(norms, false);
    }

    @Test
    void droppedPatchesGetGradientThroughAnOpenMixer() {
        assertPatches(patchGradients(moved(TinySiT.maskAlign(), manager)), true);
    }

    @Test
    void freshMixerPassesNothingOn() {
        SiTConfig without = TinySiT.reg().withPlacement(SubsetPlacement.DROP, 0, 0);
        SiT open = moved(without, manager);

        // the model's own gates are open, the mixer's are those of a fresh model
        assertPatches(patchGradients(like(open, TinySiT.maskAlign(), manager)), false);
    }

    @Test
    void bypassedPatchesGetGradientThroughTheIdentityPath() {
        SiTConfig config = TinySiT.plain().withPlacement(SubsetPlacement.ROUTE, 0, 2);

        assertPatches(patchGradients(moved(config, manager)), true);
    }

    @Test
    void reinsertedTokensAreTheLearnedOne() {
        SiTConfig config = TinySiT.plain().withPlacement(SubsetPlacement.DROP_REINSERT, 0, 0);
        SiT model = moved(config, manager);
        SiTInput in = input(config, manager, keep(manager, row(0), row(4), row(8)));

        NDArray velocity = run(model, in).velocity(); // (N, C, 6, 6)

        // all dropped patches of a sample show the same: the mask token through the head
        float[] patch = velocity.get("0, :, 0:2, 2:4").toFloatArray();
        assertThat(velocity.get("0, :, 4:6, 4:6").toFloatArray()).isEqualTo(patch);
        assertThat(velocity.get("0, :, 0:2, 0:2").toFloatArray()).isNotEqualTo(patch);
    }

    @Test
    void lossOnlySubsetsLeaveTheForwardPassAlone() {
        SiTConfig config = TinySiT.reg().withPlacement(SubsetPlacement.LOSS_ONLY, 0, 0);
        SiT model = moved(config, manager);
        SiTInput in = input(config, manager, null);
        SiTLossInput lossIn = lossInput(config, manager, null);

        NDList plain = run(model, in).toNDList();
        NDList subset = run(model, with(in, keepFive(manager))).toNDList();

        for (int i = 0; i < plain.size(); i++) {
            assertThat(subset.get(i).toFloatArray()).isEqualTo(plain.get(i).toFloatArray());
        }
        assertThat(total(model, with(lossIn, keepFive(manager)))).isNotEqualTo(total(model, lossIn));
    }

    @Test
    void lossOnlyAveragedOverAPartitionIsTheFullLoss() {
        SiTConfig config = TinySiT.repa().withPlacement(SubsetPlacement.LOSS_ONLY, 0, 0);
        SiT model = moved(config, manager);
        SiTLossInput in = lossInput(config, manager, null);

        // every token is in exactly one of the three subsets, so the three means average to the full mean
        double mean = 0;
        for (int part = 0; part < 3; part++) {
            long[] row = {3L * part, 3L * part + 1, 3L * part + 2};
            mean += total(model, with(in, keep(manager, row, row, row))) / 3.0;
        }

        assertThat((float) mean).isCloseTo(total(model, in), within(1e-6f)); // fp32, mean of three
    }

    private static long[] row(long index) {
        return new long[] {index};
    }

    private static float total(SiT model, SiTLossInput in) {
        NDManager manager = in.clean().getManager();
        return new SiTLoss(model, Interpolant.LINEAR, 0.03, 0.5)
                .compute(new ParameterStore(manager, false), in)
                .total()
                .getFloat();
    }

    /** Absolute gradients, summed, of the outputs' squares by the pixels of each patch: (N, T) row-major, for the subset keepFive. */
    private float[] patchGradients(SiT model) {
        try (GradMode recording = GradMode.on()) {
            SiTInput noised = input(model.config(), manager, keepFive(manager));
            noised.x().setRequiresGradient(true);
            NDList out = run(model, noised).toNDList();
            NDArray loss = out.get(0).square().sum();
            for (int i = 1; i < out.size(); i++) {
                loss = loss.add(out.get(i).square().sum());
            }
            NDArray gradient =
                    Autograd.gradients(loss, new NDList(noised.x()), manager).singletonOrThrow(); // (N, C, 6, 6)
            return gradient.reshape(N, 3, 3, 2, 3, 2)
                    .abs()
                    .sum(new int[] {1, 3, 5})
                    .toFloatArray(); // (N, G, G)
        }
    }

    private static void assertPatches(float[] gradients, boolean droppedReceive) {
        long[][] kept = {{7, 0, 3, 8, 4}, {1, 2, 3, 4, 5}, {8, 6, 2, 5, 0}};
        for (int n = 0; n < N; n++) {
            for (int token = 0; token < T; token++) {
                boolean here = holds(kept[n], token);
                float gradient = gradients[n * T + token];
                if (here || droppedReceive) {
                    assertThat(gradient).as("sample %d token %d", n, token).isPositive();
                } else {
                    assertThat(gradient).as("sample %d token %d", n, token).isZero();
                }
            }
        }
    }

    private static boolean holds(long[] row, long index) {
        return LongStream.of(row).anyMatch(k -> k == index);
    }

    /** Tokens (N, T, p²C) as pictures (N, C, 6, 6), in array operations alone. */
    private static NDArray picture(NDArray tokens) {
        return tokens.reshape(N, 3, 3, 2, 2, 3).transpose(0, 5, 1, 3, 2, 4).reshape(N, 3, 6, 6);
    }

    private static void assertClose(NDArray found, NDArray expected) {
        assertThat(found.getShape()).isEqualTo(expected.getShape());
        assertThat(found.toFloatArray()).containsExactly(expected.toFloatArray(), within(ROUNDING));
    }
}
