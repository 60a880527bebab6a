package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.align.TokenSubset;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLossInput.MaskedPass;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Models small enough for a test and large enough to be wrong: 9 tokens, 3 heads, odd sizes, all parts present. */
public final class TinySiT {
    public static final int N = 3;
    public static final int T = 9;
    public static final int CLASSES = 5;
    public static final int ENCODER = 11;
    public static final int DEPTH = 3;

    private TinySiT() {}

    public static SiTConfig plain() {
        return SiTConfig.of(6, 2, 3, 24, DEPTH, 3, CLASSES);
    }

    public static SiTConfig repa() {
        return plain().withAlignment(2, 20, List.of(ENCODER));
    }

    public static SiTConfig reg() {
        return repa().withClassToken(ENCODER);
    }

    public static SiTConfig maskAlign() {
        return reg().withMixer(MixerConfig.PAPER).withPlacement(SubsetPlacement.DROP, 0, 0);
    }

    /** Every family, and every placement with and without class token. */
    public static Map<String, SiTConfig> family() {
        Map<String, SiTConfig> all = new LinkedHashMap<>();
        all.put("sit", plain());
        all.put("sit-learn-sigma", plain().withOptions(4, 0.1, true, true));
        all.put("repa", repa());
        all.put("reg", reg());
        all.put("maskalign", maskAlign());
        all.put("microdit", microDiT(plain()));
        all.put("microdit reg", microDiT(reg()));
        all.put("maskdit", maskDiT(plain()));
        all.put("reg with decoder", maskDiT(reg()));
        all.put("sit MASKED_PASS", placed(plain(), SubsetPlacement.MASKED_PASS, 0, 0));
        for (SubsetPlacement where : SubsetPlacement.values()) {
            if (where == SubsetPlacement.MASKED_PASS) {
                continue;
            }
            all.put("repa " + where, placed(repa(), where, 0, 1));
            all.put("reg " + where, placed(reg(), where, 1, 2));
        }
        return all;
    }

    /** With a mixer of width 12 between norms, and tokens that are dropped after it. */
    public static SiTConfig microDiT(SiTConfig config) {
        return config.withMixer(new MixerConfig(
                        2, 12, 3, 2, MixerConfig.Conditioning.ADALN_ZERO, MixerConfig.Bottleneck.NORMALISED))
                .withPlacement(SubsetPlacement.DROP, 0, 0);
    }

    /** With a decoder of two blocks of width 20. */
    public static SiTConfig maskDiT(SiTConfig config) {
        return config.withSubset(config.subset().withRatio(0.5).withDecoder(2, 20, 5));
    }

    /** A placement, of which SPARSE has one dense block at each end, and MASKED_PASS one decoder block and nothing else. */
    public static SiTConfig placed(SiTConfig config, SubsetPlacement where, int start, int end) {
        SiTConfig fitting = where == SubsetPlacement.MASKED_PASS ? plain().withProcess(config.process()) : config;
        return placed(fitting, where, new int[] {start, end});
    }

    private static SiTConfig placed(SiTConfig config, SubsetPlacement where, int[] route) {
        return config.withSubset(config.subset().withSparse(1, 0.1)).withPlacement(where, route[0], route[1]);
    }

    /** An initialised model as training begins. */
    public static SiT fresh(SiTConfig config, NDManager manager) {
        return fresh(config, Precision.FLOAT32, manager);
    }

    public static SiT fresh(SiTConfig config, Precision precision, NDManager manager) {
        SiT model = new SiT(config, precision);
        model.initialize(manager);
        return model;
    }

    /** A model as after some training: every trained parameter is moved, so all gates are open. */
    public static SiT moved(SiTConfig config, NDManager manager) {
        SiT model = fresh(config, manager);
        move(model, manager);
        return model;
    }

    public static void move(SiT model, NDManager manager) {
        try (GradMode editing = GradMode.off();
                NDManager scratch = manager.newSubManager()) {
            for (NDArray weight : Weights.trainable(model)) {
                weight.addi(scratch.randomNormal(weight.getShape()).mul(0.2f));
            }
        }
    }

    /** A model of another configuration with the same weights, where both have them. */
    public static SiT like(SiT original, SiTConfig config, NDManager manager) {
        SiT model = fresh(config, manager);
        Map<String, NDArray> values = new LinkedHashMap<>(Weights.of(model));
        Weights.of(original).forEach(values::replace);
        Weights.copyInto(model, values);
        return model;
    }

    public static SiTInput input(SiTConfig config, NDManager manager, @Nullable NDArray keep) {
        return new SiTInput(
                manager.randomNormal(new Shape(N, 3, 6, 6)),
                manager.randomUniform(0, 1, new Shape(N)),
                labels(manager, 0, 4, 2),
                config.hasClassToken() ? manager.randomNormal(new Shape(N, ENCODER)) : null,
                keep,
                null);
    }

    /** A batch; where MASKED_PASS keeps some patches in a second pass, with noise of its own for it. */
    public static SiTLossInput lossInput(SiTConfig config, NDManager manager, @Nullable NDArray keep) {
        if (keep != null && config.subset().placement() == SubsetPlacement.MASKED_PASS) {
            NDArray noise = manager.randomNormal(new Shape(N, 3, 6, 6));
            MaskedPass second = new MaskedPass(
                    noise, keep, manager.create(new float[] {0, 1, 0}).duplicate());
            SiTLossInput first = lossInput(config, manager, null);
            return first.withContext(first.context().withMaskedPass(second));
        }
        return new SiTLossInput(
                manager.randomNormal(new Shape(N, 3, 6, 6)),
                manager.randomNormal(new Shape(N, 3, 6, 6)),
                manager.randomUniform(0, 1, new Shape(N)),
                labels(manager, 0, 4, 2),
                config.needsEncoder() ? List.of(manager.randomNormal(new Shape(N, 1 + T, ENCODER))) : List.of(),
                config.hasClassToken() ? manager.randomNormal(new Shape(N, ENCODER)) : null,
                keep,
                null,
                SiTLossInput.Context.FIRST);
    }

    public static SiTInput with(SiTInput in, @Nullable NDArray keep) {
        return new SiTInput(in.x(), in.t(), in.y(), in.classToken(), keep, in.dropped());
    }

    public static SiTLossInput with(SiTLossInput in, @Nullable NDArray keep) {
        return new SiTLossInput(
                in.clean(),
                in.noise(),
                in.t(),
                in.y(),
                in.targets(),
                in.classNoise(),
                keep,
                in.dropped(),
                SiTLossInput.Context.FIRST);
    }

    public static NDArray labels(NDManager manager, long... labels) {
        return manager.create(labels).duplicate(); // the first array borrows Java memory
    }

    /** The subset that keeps everything, in order. */
    public static NDArray keepAll(NDManager manager) {
        return TokenSubset.all(N, T).toNDArray(manager);
    }

    /** Five of nine tokens, others for each sample, in no order. */
    public static NDArray keepFive(NDManager manager) {
        return keep(manager, new long[] {7, 0, 3, 8, 4}, new long[] {1, 2, 3, 4, 5}, new long[] {8, 6, 2, 5, 0});
    }

    public static NDArray keep(NDManager manager, long[]... rows) {
        long[] all = new long[rows.length * rows[0].length];
        for (int n = 0; n < rows.length; n++) {
            System.arraycopy(rows[n], 0, all, n * rows[0].length, rows[0].length);
        }
        return new TokenSubset(T, rows[0].length, all).toNDArray(manager);
    }

    public static SiTOutput run(SiT model, SiTInput in) {
        return model.forward(new ParameterStore(in.x().getManager(), false), in, false);
    }

    /** The inputs of the model as a DJL block. */
    public static NDList list(SiTInput in) {
        NDList list = new NDList(in.x(), in.t(), in.y());
        NDArray classToken = in.classToken();
        if (classToken != null) {
            list.add(classToken);
        }
        NDArray keep = in.keep();
        if (keep != null) {
            list.add(keep);
        }
        return list;
    }
}
