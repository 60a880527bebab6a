package io.github.maskalign.examples.bench;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.TokenSubsetSampler;
import io.github.maskalign.core.data.ReadAheadData;
import io.github.maskalign.core.data.internal.SampleBuffer;
import io.github.maskalign.core.data.internal.SampleBuffer.BufferedData;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.core.train.TrainConfig.BatchPlan;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTLoss;
import io.github.maskalign.sit.SiTObjective;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What the thread that trains does for each batch before the model's first operation, in seconds of that thread's own computing,
 * {@code own_s}: what it waits for is not in it. Apart from it stand {@code free_s}, what giving the batch's memory back takes
 * that thread on a CPU (a GPU's blocks are kept for the next batches), and {@code reader_s}, what the thread that reads
 * ahead computes for a batch: training is not held up by it while a step takes longer.
 */
public final class HostPart {
    private static final int ENCODER = 768;
    private static final int TOKENS = 256;
    private static final int PICTURE = 256;
    private static final int CLASSES = 1000;

    private HostPart() {}

    /**
     * Batches as SiT-B/2 with MaskAlign needs them: latents (4, 32, 32), class noise, kept patches, dropped labels.
     *
     * @param pictures with pictures of 256 pixels for an encoder, which is not run; otherwise with 257 tokens of width 768
     */
    public static PartBenchmark of(int batch, boolean pictures) {
        NDManager manager = NDManager.newBaseManager(Device.cpu());
        SiTConfig config = SiTConfig.of(32, 2, 4, 48, 1, 3, CLASSES)
                .withAlignment(1, 20, List.of(ENCODER))
                .withClassToken(ENCODER)
                .withPlacement(SubsetPlacement.DROP, 0, 0);
        SiT model = new SiT(config);
        model.initialize(manager);
        ReadAheadData data = new ReadAheadData(new Constant(batch, pictures), 2);
        SiTObjective objective = new SiTObjective(
                new SiTLoss(model, Interpolant.LINEAR),
                DiffusionConfig.defaults(),
                data,
                pictures ? new NoEncoder(manager, batch) : null,
                new TokenSubsetSampler(config.subset(), new Draws(0), Long.MAX_VALUE));
        objective.follow(new BatchPlan(batch, 1, 0, 1));
        Clocks clocks = new Clocks();
        return new PartBenchmark(
                "host work of a batch of " + batch + (pictures ? " with pictures" : " with tokens"),
                manager,
                () -> clocks.run(manager, objective, batch),
                List.of(data),
                Map.of("own", () -> clocks.own, "free", () -> clocks.free, "reader", () -> clocks.reader));
    }

    /** The processor time of both threads in the last batch, in seconds. */
    private static final class Clocks {
        private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        private long step;
        private long readerAtEnd;
        private double own;
        private double free;
        private double reader;

        void run(NDManager manager, SiTObjective objective, int batch) throws IOException {
            waitForReader();
            long before = threads.getCurrentThreadCpuTime();
            long after;
            try (NDManager scratch = manager.newSubManager()) {
                objective.input(scratch, step, step * batch, batch);
                after = threads.getCurrentThreadCpuTime();
            }
            own = (after - before) * 1e-9;
            free = (threads.getCurrentThreadCpuTime() - after) * 1e-9;
            step++;
            waitForReader(); // which prepares one batch for each that is taken
            long atEnd = readers()
                    .mapToLong(thread -> threads.getThreadCpuTime(thread.getId()))
                    .sum();
            reader = (atEnd - readerAtEnd) * 1e-9;
            readerAtEnd = atEnd;
        }
    }

    private static Stream<Thread> readers() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().equals("maskalign-read-ahead"));
    }

    /** Waits until the reading thread has nothing to do, as it has not beside a device that computes. */
    private static void waitForReader() throws IOException {
        try {
            while (readers()
                    .anyMatch(thread -> Arrays.stream(thread.getStackTrace())
                            .noneMatch(call -> call.getClassName().endsWith("LinkedBlockingQueue")))) {
                Thread.sleep(5);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }

    /** The same samples always: reading them costs nothing. */
    private static final class Constant implements BufferedData {
        private final float[] latents;
        private final byte @Nullable [] pictures;
        private final float @Nullable [] tokens;

        Constant(int batch, boolean withPictures) {
            latents = new float[batch * 4 * 32 * 32];
            Arrays.fill(latents, 0.5f);
            pictures = withPictures ? new byte[BufferedData.values(batch, 3 * PICTURE * PICTURE)] : null;
            tokens = withPictures ? null : new float[BufferedData.values(batch, (1 + TOKENS) * ENCODER)];
        }

        @Override
        public long size() {
            return CLASSES;
        }

        @Override
        public int tokenWidth() {
            return tokens == null ? 0 : ENCODER;
        }

        @Override
        public SampleBuffer read(long first, int count) {
            SampleBuffer read = new SampleBuffer(latents, new Shape(count, 4, 32, 32), new long[count]);
            if (pictures != null) {
                read = read.withImages(pictures, new Shape(count, 3, PICTURE, PICTURE));
            }
            return tokens == null ? read : read.withTokens(tokens, new Shape(count, 1 + TOKENS, ENCODER));
        }
    }

    /** An encoder that says next to nothing: on a CPU putting its tokens together would be timed too. */
    private record NoEncoder(NDArray classToken, NDArray patchTokens) implements RepresentationEncoder {
        NoEncoder(NDManager manager, int batch) {
            this(manager.zeros(new Shape(batch, 1)), manager.zeros(new Shape(batch, 1, 1)));
        }

        @Override
        public EncoderTokens encode(NDArray images) {
            NDArray c = classToken.reshape(classToken.getShape());
            NDArray p = patchTokens.reshape(patchTokens.getShape());
            c.attach(images.getManager());
            p.attach(images.getManager());
            return new EncoderTokens(c, p);
        }

        @Override
        public int width() {
            return ENCODER;
        }

        @Override
        public int tokens(int imageSize) {
            return TOKENS;
        }

        @Override
        public void close() {
            // its arrays belong to the benchmark
        }
    }
}
