package io.github.maskalign.sit;

import static io.github.maskalign.sit.TinySiT.CLASSES;
import static io.github.maskalign.sit.TinySiT.ENCODER;
import static io.github.maskalign.sit.TinySiT.T;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenSubset;
import io.github.maskalign.core.align.TokenSubsetSampler;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.data.ReadAheadData;
import io.github.maskalign.core.data.TrainingData;
import io.github.maskalign.core.data.internal.DrawAheadData;
import io.github.maskalign.core.data.internal.SampleBuffer;
import io.github.maskalign.core.data.internal.SampleBuffer.BufferedData;
import io.github.maskalign.core.data.internal.SampleBuffer.SampleRange;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.train.TrainConfig.BatchPlan;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** A batch has the same bits however it comes to be: drawn when it is needed, or ahead, whatever the way of its data. */
@Timeout(120)
class StepInputsTest {
    private static final Draws DRAWS = new Draws(11);
    private static final int STEPS = 9;
    private static final int VALUES = 3 * 6 * 6;

    private final NDManager manager = NDManager.newBaseManager(Device.cpu());

    @AfterEach
    void close() {
        manager.close();
    }

    static Stream<String> models() {
        return configs().keySet().stream();
    }

    private static Map<String, SiTConfig> configs() {
        Map<String, SiTConfig> models = new LinkedHashMap<>(TinySiT.family());
        String text = "{selfAlign: {coeff: 0.5, block: 1, teacherBlock: 3}}";
        LossTerms terms =
                ConfigBinder.bindText(text, "terms", List.of(), LossTerms.class).value();
        models.put("self-align", TinySiT.plain().withTerms(terms));
        return models;
    }

    @ParameterizedTest
    @MethodSource("models")
    void allWaysGiveWhatThePositionsSay(String name) {
        SiTConfig config = configs().get(name);
        Samples samples = new Samples();
        BatchPlan plan = new BatchPlan(4, 2, 0, 1);
        try (ReadAheadData untold = new ReadAheadData(samples, 2);
                ReadAheadData told = new ReadAheadData(samples, 3);
                DrawAheadData beside = new DrawAheadData(new UserData(samples), 2)) {
            Map<String, StepInputs> ways = new LinkedHashMap<>();
            ways.put("arrays of a user's data", inputs(config, new UserData(samples)));
            ways.put("buffers", inputs(config, samples));
            ways.put("read ahead", inputs(config, untold));
            ways.put("prepared ahead", inputs(config, told));
            ways.put("a user's data, drawn ahead", inputs(config, beside));
            ways.get("prepared ahead").follow(plan);
            ways.get("a user's data, drawn ahead").follow(plan);
            for (int step = 0; step < 3; step++) {
                for (int j = 0; j < 2; j++) {
                    SampleRange range = plan.microBatch(step, j);
                    Map<String, String> wanted = reference(config, step, range);
                    for (Map.Entry<String, StepInputs> way : ways.entrySet()) {
                        try (NDManager scratch = manager.newSubManager()) {
                            Map<String, NDArray> found = way.getValue().of(scratch, step, range.first(), range.count());
                            assertThat(text(found)).as(way.getKey()).isEqualTo(wanted);
                        }
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"12, 1, 0, 1", "12, 3, 0, 1", "12, 2, 0, 2", "12, 2, 1, 2", "13, 1, 2, 3", "7, 1, 1, 3"})
    void eachRankReadsItsOwnOnceAndInOrder(int batch, int accumulation, int rank, int ranks)
            throws InterruptedException {
        SiTConfig config = TinySiT.maskAlign();
        Samples samples = new Samples();
        BatchPlan plan = new BatchPlan(batch, accumulation, rank, ranks);
        List<SampleRange> wanted = new ArrayList<>();
        for (int step = 2; step < 7; step++) {
            for (int j = 0; j < accumulation; j++) {
                wanted.add(plan.microBatch(step, j));
            }
        }
        try (ReadAheadData data = new ReadAheadData(samples, 2)) {
            StepInputs inputs = inputs(config, data);
            inputs.follow(plan);
            for (SampleRange range : wanted.subList(0, wanted.size() - 2)) {
                long step = range.first() / batch;
                try (NDManager scratch = manager.newSubManager()) {
                    Map<String, NDArray> found = inputs.of(scratch, step, range.first(), range.count());
                    assertThat(text(found)).isEqualTo(reference(config, step, range));
                }
            }
            assertThat(samples.done.tryAcquire(wanted.size(), 60, TimeUnit.SECONDS))
                    .isTrue();
            assertThat(samples.read).containsExactlyElementsOf(wanted);
            assertThat(samples.threads).hasSize(1).doesNotContain(Thread.currentThread());
        }
    }

    @Test
    void anotherStepAtTheSamePlaceIsDrawnAnew() {
        SiTConfig config = TinySiT.maskAlign();
        SiTConfig tail = config.withSubset(config.subset().withUnmaskedTailSteps(STEPS - 1));
        try (ReadAheadData data = new ReadAheadData(new Samples(), 2)) {
            StepInputs inputs = inputs(tail, data);
            inputs.follow(new BatchPlan(4, 1, 0, 1));
            assertThat(inputs.of(manager, 0, 0, 4)).containsKey("keep");
            // a run with another batch stands at step 0 here: the step that was prepared has no subset
            assertThat(inputs.of(manager, 0, 4, 4)).containsKey("keep");
            assertThat(inputs.of(manager, 1, 4, 4)).doesNotContainKey("keep");
            assertThat(inputs.of(manager, 2, 8, 3).get("t").getShape()).isEqualTo(new Shape(3));
        }
    }

    @Test
    void failureOfTheReadingThreadReachesItsStepAlone() {
        Samples failing = new Samples() {
            @Override
            public SampleBuffer read(long first, int count) {
                if (first == 8 && Collections.frequency(read, new SampleRange(8, 4)) == 0) {
                    read.add(new SampleRange(8, 4));
                    throw new IllegalArgumentException("shard 2 is damaged", new IOException("bad sum"));
                }
                return super.read(first, count);
            }
        };
        try (ReadAheadData data = new ReadAheadData(failing, 3)) {
            StepInputs inputs = inputs(TinySiT.maskAlign(), data);
            inputs.follow(new BatchPlan(4, 1, 0, 1));
            assertThat(inputs.of(manager, 0, 0, 4)).isNotEmpty();
            assertThat(inputs.of(manager, 1, 4, 4)).isNotEmpty();
            assertThatThrownBy(() -> inputs.of(manager, 2, 8, 4))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("shard 2 is damaged")
                    .hasRootCauseMessage("bad sum");
            assertThat(text(inputs.of(manager, 2, 8, 4)))
                    .isEqualTo(reference(TinySiT.maskAlign(), 2, new SampleRange(8, 4)));
        }
    }

    @Test
    void closingEarlyEndsTheThreadAndFreesWhatIsReady() throws InterruptedException {
        NDManager system = manager.getParentManager();
        CountDownLatch hold = new CountDownLatch(1);
        Samples slow = new Samples() {
            @Override
            public SampleBuffer read(long first, int count) {
                if (first == 12) {
                    try {
                        hold.await(); // being read when the data are closed
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                }
                return super.read(first, count);
            }
        };
        int before = system.getManagedArrays().size();
        ReadAheadData data = new ReadAheadData(slow, 4);
        StepInputs inputs = inputs(TinySiT.maskAlign(), data);
        int models = system.getManagedArrays().size() - before;
        inputs.follow(new BatchPlan(4, 1, 0, 1));
        try (NDManager scratch = manager.newSubManager()) {
            inputs.of(scratch, 0, 0, 4);
        }
        assertThat(slow.done.tryAcquire(3, 60, TimeUnit.SECONDS)).isTrue(); // 0, 4 and 8
        Thread reader = slow.threads.iterator().next();
        Thread closing = new Thread(data::close);
        closing.start();
        hold.countDown();
        closing.join(60_000);

        assertThat(closing.isAlive()).isFalse();
        reader.join(60_000);
        assertThat(reader.isAlive()).isFalse();
        assertThat(system.getManagedArrays()).hasSize(before + models);
        assertThatThrownBy(() -> inputs.of(manager, 1, 4, 4))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
    }

    @Test
    void noMoreBatchesAreHeldThanWereAskedFor() {
        NDManager system = manager.getParentManager();
        try (ReadAheadData data = new ReadAheadData(new Samples(), 2)) {
            StepInputs inputs = inputs(TinySiT.maskAlign(), data);
            inputs.follow(new BatchPlan(4, 1, 0, 1));
            int before = system.getManagedArrays().size();
            for (int step = 0; step < 60; step++) {
                long first = step % 10 == 9 ? 1000 : 4L * step; // now and then what nobody foresaw
                try (NDManager scratch = manager.newSubManager()) {
                    inputs.of(scratch, step, first, 4);
                }
                // two ahead and one that is being made, in vain perhaps, each of three blocks and one layout
                assertThat(system.getManagedArrays()).hasSizeBetween(before, before + 3 * 4);
            }
            data.close();
            assertThat(system.getManagedArrays()).hasSize(before);
        }
    }

    private StepInputs inputs(SiTConfig config, TrainingData data) {
        TokenSubsetSampler subsets = new TokenSubsetSampler(config.subset(), DRAWS, STEPS);
        SiTLoss loss = new SiTLoss(TinySiT.fresh(config, manager), Interpolant.LINEAR);
        return new StepInputs(data, loss, DiffusionConfig.defaults(), subsets, Device.cpu());
    }

    /** What the numbers of a batch are, said once more, one array after the other. */
    private static Map<String, String> reference(SiTConfig config, long step, SampleRange range) {
        long first = range.first();
        int n = range.count();
        Map<String, String> all = new LinkedHashMap<>();
        SampleBuffers.of(range).forEach((name, values) -> all.put(name, values));
        put(all, "noise", new Shape(n, 3, 6, 6), DRAWS.normal(RandomStream.NOISE, first, n, VALUES));
        float[] t = DiffusionConfig.defaults().draw(DRAWS, Interpolant.LINEAR, VALUES, first, n);
        put(all, "t", new Shape(n), t);
        new TokenSubsetSampler(config.subset(), DRAWS, STEPS)
                .draw(step, first, n, T)
                .map(TokenSubset::keep)
                .ifPresent(keep -> all.put("keep", new Shape(n, keep.length / n) + Arrays.toString(keep)));
        if (config.hasClassToken()) {
            put(all, "classNoise", new Shape(n, ENCODER), DRAWS.normal(RandomStream.CLASS_NOISE, first, n, ENCODER));
        }
        if (config.model().classDropoutProb() > 0) {
            float[] dropped = below(RandomStream.LABEL_DROP, config.model().classDropoutProb(), range);
            put(all, "dropped", new Shape(n), dropped);
        }
        if (config.subset().placement() == SubsetPlacement.MASKED_PASS) {
            put(all, "maskedNoise", new Shape(n, 3, 6, 6), DRAWS.normal(RandomStream.MASKED_NOISE, first, n, VALUES));
            float[] dropped =
                    below(RandomStream.MASKED_LABEL_DROP, config.model().classDropoutProb(), range);
            put(all, "maskedDropped", new Shape(n), dropped);
        }
        if (config.subset().placement() == SubsetPlacement.SPARSE) {
            float[] dropped =
                    below(RandomStream.PATH_DROP, config.subset().sparse().pathDrop(), range);
            put(all, "pathDropped", new Shape(n), dropped);
        }
        if (config.terms().selfAlign().isPresent()) {
            float[] u = DRAWS.uniform(RandomStream.TEACHER_TIME, first, n);
            float[] earlier = t.clone();
            for (int i = 0; i < n; i++) {
                earlier[i] = Math.max(0, t[i] - 0.2f * u[i]);
            }
            put(all, "teacherTime", new Shape(n), earlier);
        }
        return all;
    }

    private static float[] below(RandomStream stream, double probability, SampleRange range) {
        float[] u = DRAWS.uniform(stream, range.first(), range.count());
        for (int i = 0; i < u.length; i++) {
            u[i] = u[i] < probability ? 1 : 0;
        }
        return u;
    }

    private static void put(Map<String, String> all, String name, Shape shape, float[] values) {
        all.put(name, shape + Arrays.toString(values));
    }

    private static Map<String, String> text(Map<String, NDArray> arrays) {
        Map<String, String> all = new LinkedHashMap<>();
        arrays.forEach((name, array) -> all.put(
                name,
                array.getShape()
                        + (array.getDataType() == DataType.FLOAT32
                                ? Arrays.toString(array.toFloatArray())
                                : array.getDataType() == DataType.INT64
                                        ? Arrays.toString(array.toLongArray())
                                        : Arrays.toString(array.toByteArray()))));
        return all;
    }

    /** Samples whose latents, labels, pictures and tokens tell their position. */
    private static class Samples implements BufferedData {
        final List<SampleRange> read = Collections.synchronizedList(new ArrayList<>());
        final Set<Thread> threads = ConcurrentHashMap.newKeySet();
        final Semaphore done = new Semaphore(0);

        @Override
        public long size() {
            return 17;
        }

        @Override
        public int tokenWidth() {
            return ENCODER;
        }

        @Override
        public SampleBuffer read(long first, int count) {
            SampleRange range = new SampleRange(first, count);
            read.add(range);
            threads.add(Thread.currentThread());
            done.release();
            return SampleBuffers.buffer(range);
        }
    }

    /** The values of {@link Samples}. */
    private static final class SampleBuffers {
        static SampleBuffer buffer(SampleRange range) {
            int n = range.count();
            return new SampleBuffer(floats(range, VALUES, 0.5f), new Shape(n, 3, 6, 6), labels(range))
                    .withImages(images(range), new Shape(n, 3, 6, 6))
                    .withTokens(floats(range, (1 + T) * ENCODER, -2), new Shape(n, 1 + T, ENCODER));
        }

        static Map<String, String> of(SampleRange range) {
            int n = range.count();
            Map<String, String> all = new LinkedHashMap<>();
            put(all, "latents", new Shape(n, 3, 6, 6), floats(range, VALUES, 0.5f));
            all.put("labels", new Shape(n) + Arrays.toString(labels(range)));
            all.put("images", new Shape(n, 3, 6, 6) + Arrays.toString(images(range)));
            put(all, "tokens", new Shape(n, 1 + T, ENCODER), floats(range, (1 + T) * ENCODER, -2));
            return all;
        }

        private static float[] floats(SampleRange range, int each, float factor) {
            float[] out = new float[range.count() * each];
            for (int i = 0; i < out.length; i++) {
                out[i] = factor * (range.first() * each + i);
            }
            return out;
        }

        private static long[] labels(SampleRange range) {
            long[] out = new long[range.count()];
            for (int i = 0; i < out.length; i++) {
                out[i] = (range.first() + i) % CLASSES;
            }
            return out;
        }

        private static byte[] images(SampleRange range) {
            byte[] out = new byte[range.count() * VALUES];
            for (int i = 0; i < out.length; i++) {
                out[i] = (byte) (range.first() + 7 * i);
            }
            return out;
        }
    }

    @Test
    void samplesOfAUserAreAskedOnTheThreadThatTrains() {
        Samples samples = new Samples();
        try (DrawAheadData data = new DrawAheadData(new UserData(samples), 3)) {
            StepInputs inputs = inputs(TinySiT.maskAlign(), data);
            inputs.follow(new BatchPlan(4, 1, 0, 1));
            assertThat(inputs.of(manager, 0, 0, 4)).containsKeys("latents", "noise");
            assertThat(inputs.of(manager, 1, 4, 4)).containsKeys("latents", "noise");
        }
        assertThat(samples.threads).containsExactly(Thread.currentThread());
        assertThat(samples.read).containsExactly(new SampleRange(0, 4), new SampleRange(4, 4));
    }

    /** The same samples as a user gives them: arrays, by their position. */
    private record UserData(Samples samples) implements TrainingData {
        @Override
        public long size() {
            return samples.size();
        }

        @Override
        public TrainingBatch batch(NDManager manager, long first, int count) {
            return samples.batch(manager, first, count);
        }
    }
}
