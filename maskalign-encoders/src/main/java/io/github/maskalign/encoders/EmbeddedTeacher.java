package io.github.maskalign.encoders;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.encoders.vit.Vit;
import io.github.maskalign.encoders.vit.VitConfig;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The teacher that comes with the library. Its tokens are those of its archive, asked for attention or not; its attention, and
 * the joined tokens of several blocks, are those of the library's own transformer with the archive's weights, which is made when
 * it is first needed.
 */
final class EmbeddedTeacher implements RepresentationEncoder {
    private static final AttentionSize ATTENTION = new AttentionSize(VitConfig.EMOJI.depth(), VitConfig.EMOJI.heads());

    private final TorchScriptEncoder archive;
    private final Preprocessing preprocessing;
    private final Device device;
    private final int lastBlocks;
    private @Nullable Twin twin;

    /** Wraps the encoder of the archive, which is closed with this. */
    EmbeddedTeacher(TorchScriptEncoder archive, Preprocessing preprocessing, Device device) {
        this(archive, preprocessing, device, 1);
    }

    private EmbeddedTeacher(TorchScriptEncoder archive, Preprocessing preprocessing, Device device, int lastBlocks) {
        this.archive = archive;
        this.preprocessing = preprocessing;
        this.device = device;
        this.lastBlocks = lastBlocks;
    }

    /** The transformer with the archive's weights. */
    private record Twin(NDManager manager, Vit transformer) {}

    @Override
    public EncoderTokens encode(NDArray images) {
        return encode(images, List.of());
    }

    @Override
    public EncoderTokens encode(NDArray images, List<Integer> blocks) {
        if (blocks.isEmpty() && lastBlocks == 1) {
            return archive.encode(images);
        }
        ATTENTION.require(blocks);
        NDManager owner = images.getManager();
        try (NDManager scratch = owner.newSubManager()) {
            EncoderTokens own = ofTwin(scratch, images, blocks);
            Map<Integer, NDArray> attention = own.attention();
            attention.values().forEach(logits -> logits.attach(owner));
            EncoderTokens tokens = lastBlocks == 1 ? archive.encode(images) : own;
            tokens.classToken().attach(owner);
            tokens.patchTokens().attach(owner);
            return new EncoderTokens(tokens.classToken(), tokens.patchTokens(), attention);
        }
    }

    @Override
    public RepresentationEncoder joined(int blocks) {
        if (blocks < 1 || blocks > VitConfig.EMOJI.depth()) {
            throw new IllegalArgumentException("the embedded teacher has " + VitConfig.EMOJI.depth()
                    + " blocks, but the tokens of the last " + blocks + " were asked for");
        }
        return new EmbeddedTeacher(archive, preprocessing, device, blocks);
    }

    /** Returns what the library's own transformer says with the archive's weights. */
    EncoderTokens ofTwin(NDManager owner, NDArray images, List<Integer> blocks) {
        Twin made = twin;
        if (made == null) {
            made = twin();
            twin = made;
        }
        try (GradMode values = GradMode.off()) {
            NDArray prepared = preprocessing.apply(images);
            prepared.attach(owner);
            return made.transformer.tokens(new ParameterStore(made.manager, false), prepared, blocks, lastBlocks);
        }
    }

    @Override
    public Optional<AttentionSize> attention() {
        return Optional.of(ATTENTION);
    }

    @Override
    public int width() {
        return archive.width() * lastBlocks;
    }

    @Override
    public int tokens(int imageSize) {
        return archive.tokens(imageSize);
    }

    @Override
    public void close() {
        archive.close();
        Twin made = twin;
        if (made != null) {
            made.manager.close();
        }
    }

    private Twin twin() {
        NDManager manager = NDManager.newBaseManager(device);
        try (GradMode values = GradMode.off();
                NDManager scratch = manager.newSubManager()) {
            VitConfig config = VitConfig.EMOJI;
            Vit made = new Vit(config, Precision.FLOAT32);
            made.initialize(manager, DataType.FLOAT32, new Shape(1, 3, config.imageSize(), config.imageSize()));
            Weights.copyInto(made, archive.weights(scratch));
            return new Twin(manager, made);
        } catch (RuntimeException | Error e) {
            manager.close();
            throw e;
        }
    }
}
