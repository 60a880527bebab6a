package io.github.maskalign.examples.teacher;

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
import io.github.maskalign.encoders.vit.Vit;
import io.github.maskalign.encoders.vit.VitConfig;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** The teacher's loss: both views of each pair through the encoder, then {@link ContrastiveHead}. */
final class TeacherObjective implements Objective {
    static final String ENCODER = "encoder.";
    private static final String HEAD = "head.";

    private final TeacherConfig config;
    private final DrawingPairs pairs;
    private final Vit encoder;
    private final ContrastiveHead head;
    private final ParameterStore store;
    private final Map<String, Parameter> parameters = new LinkedHashMap<>();

    /** Makes fresh weights, drawn from the engine's generator as the run's seed says. */
    TeacherObjective(TeacherConfig config, DrawingPairs pairs, NDManager manager) {
        this.config = config;
        this.pairs = pairs;
        manager.getEngine().setRandomSeed(Math.floorMod(config.seed(), Integer.MAX_VALUE));
        VitConfig shape = VitConfig.EMOJI;
        encoder = new Vit(shape, config.precision());
        encoder.initialize(manager, DataType.FLOAT32, new Shape(2, 3, shape.imageSize(), shape.imageSize()));
        head = new ContrastiveHead(shape.width(), config);
        head.initialize(manager, DataType.FLOAT32, new Shape(2, shape.width()), new Shape(2, 1, shape.width()));
        store = new ParameterStore(manager, false);
        ParameterKeys.of(encoder).forEach((key, parameter) -> parameters.put(ENCODER + key, parameter));
        ParameterKeys.of(head).forEach((key, parameter) -> parameters.put(HEAD + key, parameter));
    }

    Vit encoder() {
        return encoder;
    }

    @Override
    public Map<String, Parameter> parameters() {
        return Collections.unmodifiableMap(parameters);
    }

    @Override
    public StepLosses loss(NDManager scratch, long step, long firstPosition, int count) {
        long start = System.nanoTime();
        int side = pairs.side();
        NDArray images =
                OwnedArrays.of(scratch, new Shape(2L * count, 3, side, side), pairs.views(firstPosition, count));
        boolean doubled = config.doubleEvery() > 0 && (step + 1) % config.doubleEvery() == 0;
        Preprocessing preprocessing = doubled ? Preprocessing.EMOJI_VIT_DOUBLE : Preprocessing.EMOJI_VIT;
        NDArray prepared = preprocessing.apply(images); // (2n, 3, S, S)
        double dataSeconds = (System.nanoTime() - start) * 1e-9;
        NDList tokens = encoder.forward(store, new NDList(prepared), true);
        NDList losses = head.forward(store, tokens, true);
        Map<String, NDArray> parts = new LinkedHashMap<>();
        parts.put("class", losses.get(1));
        parts.put("patch", losses.get(2));
        parts.put("found", losses.get(3));
        return new StepLosses(losses.get(0), parts, dataSeconds);
    }

    /**
     * Two projection heads and the loss over them; thrown away after training.
     *
     * <pre>
     * L = InfoNCE(head_c(class tokens)) + w · InfoNCE(head_p(mean of patch tokens)),  cosine / temperature
     * </pre>
     *
     * <p>Inputs: class tokens (2n, Z) and patch tokens (2n, T, Z); rows i and n + i show the same emoji. Outputs: L,
     * its two parts, and the share of class tokens that find their pair in the batch, 0-d. Source: SimCLR (arXiv 2002.05709), with the other views as negatives as in CLIP.
     */
    static final class ContrastiveHead extends ScriptedBlock {
        private static final Shape SCALAR = new Shape();

        ContrastiveHead(int width, TeacherConfig config) {
            super(ScriptFunction.of(ContrastiveHead.class, "contrastive_loss.py", "contrastive_loss")
                    .bind("temperature", config.temperature())
                    .bind("patch_weight", config.patchWeight()));
            for (String head : new String[] {"class", "patch"}) {
                linear(head + ".fc1", width, 2L * width);
                linear(head + ".fc2", 2L * width, width);
            }
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return new Shape[] {SCALAR, SCALAR, SCALAR, SCALAR};
        }
    }
}
