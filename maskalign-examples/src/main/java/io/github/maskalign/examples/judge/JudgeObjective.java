package io.github.maskalign.examples.judge;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.script.ScriptFunction;
import io.github.maskalign.core.train.Objective;
import io.github.maskalign.core.train.Objective.StepLosses;
import io.github.maskalign.encoders.Preprocessing;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** The judge's loss: drawings through the encoder, then {@link LabelHeads}. */
final class JudgeObjective implements Objective {
    static final String ENCODER = "encoder.";
    private static final String HEAD = "head.";

    private final LabelledDrawings drawings;
    private final JudgeNetwork encoder;
    private final LabelHeads heads;
    private final ParameterStore store;
    private final Map<String, Parameter> parameters = new LinkedHashMap<>();

    /** Makes fresh weights, drawn from the engine's generator as the run's seed says. */
    JudgeObjective(JudgeConfig config, LabelledDrawings drawings, NDManager manager) {
        this.drawings = drawings;
        manager.getEngine().setRandomSeed(Math.floorMod(config.seed(), Integer.MAX_VALUE));
        encoder = new JudgeNetwork();
        encoder.initialize(manager, DataType.FLOAT32, new Shape(2, 3, JudgeNetwork.SIDE, JudgeNetwork.SIDE));
        heads = new LabelHeads(JudgeNetwork.WIDTH, drawings.classes(), config);
        heads.initialize(
                manager, DataType.FLOAT32, new Shape(2, JudgeNetwork.WIDTH), new Shape(2, LabelledDrawings.KINDS));
        store = new ParameterStore(manager, false);
        ParameterKeys.of(encoder).forEach((key, parameter) -> parameters.put(ENCODER + key, parameter));
        ParameterKeys.of(heads).forEach((key, parameter) -> parameters.put(HEAD + key, parameter));
    }

    JudgeNetwork encoder() {
        return encoder;
    }

    @Override
    public Map<String, Parameter> parameters() {
        return Collections.unmodifiableMap(parameters);
    }

    @Override
    public StepLosses loss(NDManager scratch, long step, long firstPosition, int count) {
        long start = System.nanoTime();
        int side = JudgeNetwork.SIDE;
        LabelledDrawings.Batch batch = drawings.batch(firstPosition, count);
        NDArray images = OwnedArrays.of(scratch, new Shape(count, 3, side, side), batch.pictures());
        NDArray labels = OwnedArrays.of(scratch, new Shape(count, LabelledDrawings.KINDS), batch.labels());
        NDArray prepared = Preprocessing.EMOJI_JUDGE.apply(images); // (n, 3, S, S)
        double dataSeconds = (System.nanoTime() - start) * 1e-9;
        NDArray feature = encoder.forward(store, new NDList(prepared), true).get(0);
        NDList losses = heads.forward(store, new NDList(feature, labels), true);
        Map<String, NDArray> parts = new LinkedHashMap<>();
        parts.put("emoji", losses.get(1));
        parts.put("category", losses.get(2));
        parts.put("artist", losses.get(3));
        parts.put("damage", losses.get(4));
        parts.put("right_emoji", losses.get(5));
        return new StepLosses(losses.get(0), parts, dataSeconds);
    }

    /**
     * Four linear heads and the loss over them; thrown away after training.
     *
     * <pre>
     * L = CE(emoji) + w_c · CE(category) + w_a · CE(artist) + w_d · CE(damage),   CE against (1 − ε) · label + ε / classes
     * </pre>
     *
     * <p>Inputs: features (n, Z) and labels (n, 4), int64. Outputs: L, its four parts, and the share of drawings
     * whose emoji is told, 0-d. Source of the smoothing: Szegedy et al. (arXiv 1512.00567), section 7.
     */
    static final class LabelHeads extends ScriptedBlock {
        private static final Shape SCALAR = new Shape();

        LabelHeads(int width, int[] classes, JudgeConfig config) {
            super(ScriptFunction.of(LabelHeads.class, "label_heads.py", "label_loss")
                    .bind("smoothing", config.smoothing())
                    .bind("category_share", config.categoryWeight())
                    .bind("artist_share", config.artistWeight())
                    .bind("damage_share", config.damageWeight()));
            linear("emoji", width, classes[0]);
            linear("category", width, classes[1]);
            linear("artist", width, classes[2]);
            linear("damage", width, classes[3]);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return new Shape[] {SCALAR, SCALAR, SCALAR, SCALAR, SCALAR, SCALAR};
        }
    }
}
