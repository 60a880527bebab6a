package io.github.maskalign.encoders.text;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.encoders.text.TextEncoder.TextTokens;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * CLIP's text tower as DJL blocks, with its published weights and tokenizer.
 *
 * <p>The tokens are transformers' {@code last_hidden_state}, the pooled vector is {@code text_embeds} where the weights
 * have a projection and {@code pooler_output} where they have none. Padding is not masked, as in diffusers' pipelines:
 * attention looks back only, so that padding changes nothing up to the end token, and the tokens behind it are part of
 * what those models were trained with. Embeddings, norms, residual stream and projection are float32 in both precisions.
 */
public final class ClipTextEncoder implements TextEncoder {
    private static final List<String> WEIGHTS = List.of(
            "model.safetensors",
            "model.safetensors.index.json",
            "model.fp16.safetensors",
            "open_clip_model.safetensors",
            "pytorch_model.bin",
            "open_clip_pytorch_model.bin");

    private final ClipTextConfig config;
    private final Path file;
    private final ClipTokenizer tokenizer;
    private final NDManager manager;
    private final ClipTextTower tower;
    private final ParameterStore store;
    private final int pooledWidth;

    private ClipTextEncoder(
            ClipTextConfig config,
            Path file,
            ClipTokenizer tokenizer,
            NDManager manager,
            StateDict weights,
            Precision precision)
            throws IOException {
        this.config = config;
        this.file = file;
        this.tokenizer = tokenizer;
        this.manager = manager;
        Map<String, TensorSource> official = ClipTextKeys.official(weights);
        TensorSource projection = official.get(ClipTextKeys.PROJECTION);
        int projected = projection == null ? 0 : projectedWidth(projection);
        pooledWidth = projection == null ? config.width() : projected;
        tower = new ClipTextTower(config, projected, precision);
        try (GradMode off = GradMode.off()) {
            tower.initialize(manager, DataType.FLOAT32, new Shape(1, config.length()), new Shape(1));
        }
        StateDict.ofTensors(file.toString(), official).copyTo(Weights.of(tower));
        store = new ParameterStore(manager, false);
    }

    private int projectedWidth(TensorSource projection) throws CheckpointFormatException {
        Shape shape = projection.shape();
        if (shape.dimension() != 2 || shape.get(0) < 1 || shape.get(0) > 1 << 16) {
            throw new CheckpointFormatException(
                    file,
                    "\"" + ClipTextKeys.PROJECTION + "\" must be a matrix (P, " + config.width() + ") but has shape "
                            + shape);
        }
        return Math.toIntExact(shape.get(0));
    }

    /**
     * Opens a text tower.
     *
     * @param folder of transformers, with {@code config.json}, weights ({@code model.safetensors} or
     *     {@code pytorch_model.bin}) and the files of the tokenizer; of a whole CLIP model, whose image tower is passed
     *     over; of open_clip, with {@code open_clip_config.json}; or of diffusers, as the pipeline's folder or its
     *     {@code text_encoder}, beside which the {@code tokenizer} is
     * @throws CheckpointFormatException if config, weights or tokenizer are damaged, of another model or do not fit
     *     each other, with all differences
     */
    public static ClipTextEncoder open(Path folder, Device device, Precision precision) throws IOException {
        Path model = modelFolder(folder);
        ClipTextConfig config = ClipTextConfig.read(model);
        Path file = WEIGHTS.stream()
                .map(model::resolve)
                .filter(Files::exists)
                .findFirst()
                .orElseThrow(() -> new CheckpointFormatException(model, "the folder has none of the files " + WEIGHTS));
        Path vocabulary = tokenizerFolder(model);
        ClipTokenizer tokenizer = ClipTokenizer.open(vocabulary, config.length());
        NDManager manager = NDManager.newBaseManager(device);
        try (WeightsFile weights = WeightsFile.open(file)) {
            requireFit(vocabulary, tokenizer, config);
            return new ClipTextEncoder(config, file, tokenizer, manager, weights.stateDict(), precision);
        } catch (IOException | RuntimeException e) {
            manager.close();
            tokenizer.close();
            throw e;
        }
    }

    private static Path modelFolder(Path folder) {
        Path inside = folder.resolve("text_encoder");
        return !ClipTextConfig.isIn(folder) && Files.isDirectory(inside) ? inside : folder;
    }

    /** The tokenizer of {@code text_encoder_2} is in {@code tokenizer_2} beside it. */
    private static Path tokenizerFolder(Path model) {
        Path name = model.toAbsolutePath().normalize().getFileName();
        if (VocabularyFiles.areIn(model) || name == null) {
            return model;
        }
        Path beside = model.toAbsolutePath()
                .normalize()
                .resolveSibling(name.toString().replace("text_encoder", "tokenizer"));
        return VocabularyFiles.areIn(beside) ? beside : model;
    }

    private static void requireFit(Path vocabulary, ClipTokenizer tokenizer, ClipTextConfig config)
            throws CheckpointFormatException {
        if (tokenizer.highestId() >= config.vocabulary()) {
            throw new CheckpointFormatException(
                    vocabulary,
                    "the tokenizer must have ids below " + config.vocabulary() + ", the model's vocab_size, but has "
                            + tokenizer.highestId());
        }
        if (config.endId() != ClipTextConfig.LEGACY_END && config.endId() != tokenizer.endId()) {
            throw new CheckpointFormatException(
                    vocabulary,
                    "the end token must have the id " + config.endId() + ", the model's eos_token_id, but has "
                            + tokenizer.endId());
        }
    }

    /** Returns the shape of the model. */
    public ClipTextConfig config() {
        return config;
    }

    /** Returns the tokenizer; it is closed with the encoder. */
    public ClipTokenizer tokenizer() {
        return tokenizer;
    }

    @Override
    public int length() {
        return config.length();
    }

    @Override
    public int width() {
        return config.width();
    }

    @Override
    public int pooledWidth() {
        return pooledWidth;
    }

    @Override
    public Path file() {
        return file;
    }

    @Override
    public TextTokens encode(NDManager owner, List<String> captions) {
        ClipTokenizer.Tokens tokens = tokenizer.encode(captions);
        int batch = captions.size();
        int length = config.length();
        long[] ids = new long[batch * length];
        long[] mask = new long[batch * length];
        long[] ends = new long[batch];
        for (int i = 0; i < batch; i++) {
            System.arraycopy(tokens.ids()[i], 0, ids, i * length, length);
            Arrays.fill(mask, i * length, i * length + tokens.counts()[i], 1);
            ends[i] = pooledPlace(tokens.ids()[i]);
        }
        try (GradMode off = GradMode.off();
                NDManager scratch = manager.newSubManager()) {
            NDArray idArray = OwnedArrays.of(scratch, new Shape(batch, length), ids);
            NDArray maskArray = OwnedArrays.of(scratch, new Shape(batch, length), mask);
            NDArray endArray = OwnedArrays.of(scratch, new Shape(batch), ends);
            NDList out = tower.forward(store, new NDList(idArray, endArray), false);
            NDList all = new NDList(out.get(0), out.get(1), idArray, maskArray);
            all.attach(owner);
            return new TextTokens(all.get(0), all.get(1), idArray, maskArray, tokens.truncated());
        }
    }

    /** The first end token, or in old models the first of the highest ids. */
    private int pooledPlace(long[] ids) {
        int place = 0;
        for (int i = 0; i < ids.length; i++) {
            if (config.endId() == ClipTextConfig.LEGACY_END) {
                place = ids[i] > ids[place] ? i : place;
            } else if (ids[i] == config.endId()) {
                return i;
            }
        }
        return place;
    }

    @Override
    public void close() {
        tokenizer.close();
        manager.close();
    }
}
