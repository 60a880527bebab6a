package io.github.maskalign.sit.weights;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.fuzz.Fuzz;
import io.github.maskalign.sit.weights.SiTWeights.ImportOptions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** State dicts with mutated keys, shapes and metadata: a model, or the one documented exception. */
class ImportFuzzTest {
    private static final long SEED = 20261123;
    private static final List<String> SEEDS = List.of(
            "repa",
            "repa-ddp",
            "repa-legacy",
            "repa-e",
            "irepa-mlp",
            "irepa-conv",
            "reg",
            "redi",
            "maskalign",
            "sit-official");
    private static final long[] SIZES = {0, 1, 2, 3, 5, 16, 17, 255, 65_536, 1L << 31, 1L << 40, Long.MAX_VALUE};
    private static final String[] TEXTS = {
        "",
        ".",
        "blocks.",
        "blocks.1",
        "blocks.-1.x",
        "blocks.999999.x",
        "blocks.0000001.x",
        "decoder_blocks.5.x",
        "mixer.3.attn.qkv.weight",
        "projectors.9.4.weight",
        "projectors.0.projection_layer.weight",
        "projector.0",
        "module.",
        "_orig_mod.",
        "mask_token",
        "bn.running_mean",
        "cls_projectors2.weight",
        "\u0000",
        "é"
    };
    private static final String[] METADATA = {
        "{}",
        "{\"depth\":1e999}",
        "[[[[[[[[",
        "sit",
        "reg",
        "sit-official",
        "data-at-1",
        "null",
        "-1",
        "{\"z_dims\":[1]}"
    };

    @Test
    void mutatedStateDictsAreReadOrRefused() throws Exception {
        assertThat(run(2_000)).isPositive();
    }

    @Test
    @Tag("slow")
    void manyMutatedStateDictsAreReadOrRefused() throws Exception {
        assertThat(run(100_000)).isPositive();
    }

    private static int run(int count) throws Exception {
        List<Map<String, TensorSource>> seeds = new ArrayList<>();
        for (String name : SEEDS) {
            try (WeightsFile file = WeightsFile.open(Fixture.path(name))) {
                StateDict ema = file.sections().contains("ema") ? file.stateDict("ema") : file.stateDict();
                Map<String, TensorSource> inMemory = new LinkedHashMap<>();
                for (String key : ema.keys()) {
                    TensorSource tensor = ema.get(key);
                    inMemory.put(
                            key,
                            tensor.type().isFloat()
                                    ? TensorSource.of(tensor.shape(), tensor.floats())
                                    : TensorSource.of(tensor.shape(), tensor.longs()));
                }
                seeds.add(inMemory);
            }
        }
        int accepted = 0;
        for (int i = 0; i < count; i++) {
            Random random = Fuzz.random(SEED + i);
            Map<String, TensorSource> tensors = new LinkedHashMap<>(seeds.get(random.nextInt(seeds.size())));
            Map<String, String> metadata = new LinkedHashMap<>();
            for (int n = random.nextInt(4); n > 0; n--) {
                mutate(tensors, metadata, random);
            }
            ImportOptions options = new ImportOptions(
                    random.nextInt(4) > 0
                            ? null
                            : WeightsFamily.values()[random.nextInt(WeightsFamily.values().length)],
                    random.nextInt(3),
                    random.nextInt(3),
                    random.nextBoolean());
            long start = System.nanoTime();
            try {
                SiTWeights weights = SiTWeights.read("fuzz", StateDict.ofTensors(tensors), metadata, options);
                WeightsExport.of(weights, WeightsExport.naturalFamily(weights), WeightsExport.Extra.KEEP);
                accepted++;
            } catch (CheckpointFormatException e) {
                assertThat(e.problems()).isNotEmpty();
            } catch (Throwable e) { // the seed must be told
                throw new AssertionError("seed " + (SEED + i) + " led to " + e, e);
            }
            assertThat(System.nanoTime() - start).as("seed %d", SEED + i).isLessThan(2_000_000_000L);
        }
        return accepted;
    }

    private static void mutate(Map<String, TensorSource> tensors, Map<String, String> metadata, Random random) {
        List<String> keys = new ArrayList<>(tensors.keySet());
        String key = keys.get(random.nextInt(keys.size()));
        switch (random.nextInt(6)) {
            case 0 -> tensors.remove(key);
            case 1 -> tensors.put(key, new Hollow(shape(tensors.get(key).shape(), random)));
            case 2 -> {
                TensorSource moved = tensors.remove(key);
                String text = TEXTS[random.nextInt(TEXTS.length)];
                tensors.put(random.nextBoolean() ? text + key : text, moved);
            }
            case 3 -> tensors.put(TEXTS[random.nextInt(TEXTS.length)], tensors.get(key));
            case 4 -> tensors.put(key.replaceFirst("\\d+", Integer.toString(random.nextInt(40))), tensors.get(key));
            default ->
                metadata.put(
                        List.of("config", "family", "time_convention", "config.model.inputSize", "path", "steps")
                                .get(random.nextInt(6)),
                        METADATA[random.nextInt(METADATA.length)]);
        }
    }

    private static Shape shape(Shape old, Random random) {
        long[] sizes = old.getShape().clone();
        if (sizes.length == 0 || random.nextInt(4) == 0) {
            return new Shape(random.longs(random.nextInt(5), 0, 20).toArray());
        }
        sizes[random.nextInt(sizes.length)] = SIZES[random.nextInt(SIZES.length)];
        return new Shape(sizes);
    }

    /** Zeros of any size: a sparse file of a few bytes can hold such. */
    private record Hollow(Shape shape) implements TensorSource {
        @Override
        public TensorType type() {
            return TensorType.F32;
        }

        @Override
        public void sendTo(Sink sink) throws IOException {
            for (long left = byteSize(); left > 0; left -= 1 << 20) {
                sink.accept(ByteBuffer.allocate((int) Math.min(1 << 20, left)));
            }
        }
    }
}
