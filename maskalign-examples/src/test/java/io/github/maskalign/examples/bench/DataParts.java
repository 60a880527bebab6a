package io.github.maskalign.examples.bench;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenSubsetSampler;
import io.github.maskalign.core.data.LatentData;
import io.github.maskalign.core.data.PreparedSamples;
import io.github.maskalign.core.data.ReadAheadData;
import io.github.maskalign.core.data.internal.PreparedStore.PreparedSample;
import io.github.maskalign.core.data.internal.SampleLayout;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.data.internal.ShardBuilder;
import io.github.maskalign.core.data.internal.ShardIndex;
import io.github.maskalign.core.data.internal.ShardSet;
import io.github.maskalign.core.image.PictureReader;
import io.github.maskalign.core.image.Resampler.CentreCrop;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTObjective.KeptTokens;
import io.github.maskalign.sit.SiTVariant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Stopwatches for what happens to data before and while training. */
public final class DataParts {
    private static final int SIDE = 256;
    private static final int SHARD = 1024;
    private static final int LOADED = 2048;
    private static final int CLASSES = 1000;
    private static final double SD_SCALE = 0.18215;

    private DataParts() {}

    /**
     * Reading all pictures of a folder and cropping them to 256 pixels as ADM does.
     *
     * @param threads how many pictures at a time; 0 means one for each processor
     */
    public static PartBenchmark crop(Path folder, int threads) throws IOException {
        List<Path> files;
        try (Stream<Path> all = Files.list(folder)) {
            files = all.sorted().toList();
        }
        ExecutorService pool = Executors.newFixedThreadPool(
                threads > 0 ? threads : Runtime.getRuntime().availableProcessors());
        return new PartBenchmark(
                "crops of " + files.size() + " pictures",
                NDManager.newBaseManager(Device.cpu()),
                () -> {
                    List<Future<byte[]>> crops = files.stream()
                            .map(file -> pool.submit(() -> CentreCrop.adm(PictureReader.read(file), SIDE)
                                    .toPlanar()))
                            .toList();
                    for (Future<byte[]> crop : crops) {
                        await(crop);
                    }
                },
                List.of(pool::shutdown));
    }

    private static void await(Future<?> future) throws IOException {
        try {
            future.get();
        } catch (ExecutionException e) {
            throw new IOException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }

    /** Opening a prepared set of so many samples, which is made first if the folder has none. */
    public static PartBenchmark index(Path folder, int samples) throws IOException {
        make(folder, new SampleLayout(1, 1, FloatCode.FLOAT16, 0, 0, 0, FloatCode.FLOAT16), samples);
        return new PartBenchmark(
                "opening a set of " + samples,
                NDManager.newBaseManager(Device.cpu()),
                () -> ShardSet.open(folder).close(),
                List.of());
    }

    /**
     * Reading batches of latents and of DINOv2-B's tokens in the order of training, ahead of their use.
     *
     * @param folder a prepared set; if it holds none, one of {@value #LOADED} random samples is made there
     * @param ratio share of the patch tokens that is not read, in [0, 1)
     */
    public static PartBenchmark loader(Path folder, int batch, double ratio) throws IOException {
        make(folder, new SampleLayout(4, 32, FloatCode.FLOAT16, 0, 257, 768, FloatCode.FLOAT16), LOADED);
        NDManager manager = NDManager.newBaseManager(Device.cpu());
        PreparedSamples samples = ShardSet.open(folder);
        Draws draws = new Draws(0);
        SubsetConfig subset = SubsetConfig.defaults().withRatio(ratio);
        SiTConfig model = SiTVariant.B_2.config().withPlacement(SubsetPlacement.DROP, 0, 0);
        KeptTokens kept = new KeptTokens(model, new TokenSubsetSampler(subset, draws, Long.MAX_VALUE), batch);
        ReadAheadData data = new ReadAheadData(new LatentData(samples, draws, SD_SCALE, 0).withTokens(kept), 2);
        long[] next = {0};
        return new PartBenchmark(
                "batches of " + batch + " with tokens, ratio " + ratio,
                manager,
                () -> {
                    try (NDManager step = manager.newSubManager()) {
                        data.batch(step, next[0], batch);
                        next[0] += batch;
                    }
                },
                List.of(data, samples));
    }

    private static void make(Path folder, SampleLayout layout, int samples) throws IOException {
        if (Files.exists(folder.resolve(ShardIndex.FILE))) {
            return;
        }
        Files.createDirectories(folder);
        SplittableRandom random = new SplittableRandom(0);
        List<ShardIndex.Entry> shards = new ArrayList<>();
        for (int first = 0; first < samples; first += SHARD) {
            ShardBuilder shard = new ShardBuilder(layout);
            for (int i = first; i < Math.min(samples, first + SHARD); i++) {
                String name = String.format(Locale.ROOT, "n%08d/n%08d_%d.JPEG", i % CLASSES, i % CLASSES, i);
                float[] tokens = layout.tokens() == 0 ? null : numbers(random, layout.tokenValues());
                float[] moments = numbers(random, layout.momentValues());
                shard.add(new PreparedSample(name, i % CLASSES, moments, null, tokens));
            }
            Path file = folder.resolve(ShardIndex.fileName(shards.size()));
            shards.add(new ShardIndex.Entry(
                    shard.size(), shard.write(file, Map.of()).sha256()));
        }
        List<String> classes = IntStream.range(0, CLASSES)
                .mapToObj(i -> String.format(Locale.ROOT, "n%08d", i))
                .toList();
        new ShardIndex(layout, Map.of(), classes, shards).write(folder);
    }

    private static float[] numbers(SplittableRandom random, int count) {
        float[] out = new float[count];
        for (int i = 0; i < count; i++) {
            out[i] = random.nextFloat();
        }
        return out;
    }
}
