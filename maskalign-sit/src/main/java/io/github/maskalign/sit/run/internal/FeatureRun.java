package io.github.maskalign.sit.run.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.evaluate.FeatureCollector;
import io.github.maskalign.core.evaluate.FeatureCollector.CollectorConfig;
import io.github.maskalign.core.evaluate.FeatureExtractor;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.sit.run.Progress;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Sends pictures through an extractor, batch by batch; the next batch is read meanwhile. Memory holds two batches and what
 * the collector keeps.
 *
 * @param manager the manager on the extractor's device, which collectors live on
 * @param extractor the network
 * @param batch pictures at a time
 * @param display what shows how far it is
 * @param watch called before each batch; what it throws ends the work
 */
public record FeatureRun(
        NDManager manager, FeatureExtractor extractor, int batch, Progress.Display display, Runnable watch) {
    private static final int LOG_LINES = 20;

    /** A run that nobody watches. */
    public FeatureRun(NDManager manager, FeatureExtractor extractor, int batch, Progress.Display display) {
        this(manager, extractor, batch, display, () -> {});
    }

    /**
     * Collects the features of all pictures.
     *
     * @param task what the progress display is called
     * @return a collector on this run's manager; the caller closes it
     */
    public FeatureCollector collect(String task, PictureSource pictures, CollectorConfig config) throws IOException {
        FeatureCollector collector = new FeatureCollector(manager, extractor.space(), config);
        ExecutorService reader = Executors.newSingleThreadExecutor(FeatureRun::daemon);
        int batches = (pictures.size() - 1) / batch + 1;
        Progress.Plan plan = new Progress.Plan(task, 0, batches, batch, Math.max(1, batches / LOG_LINES));
        try (Progress progress = display.open(plan)) {
            Future<byte[]> next = reader.submit(() -> read(pictures, 0));
            for (int b = 0; b < batches; b++) {
                watch.run();
                byte[] pixels = await(next);
                int from = (b + 1) * batch;
                if (b + 1 < batches) {
                    next = reader.submit(() -> read(pictures, from));
                }
                add(collector, pixels, pictures.height(), pictures.width());
                progress.step(b + 1, Double.NaN);
            }
            return collector;
        } catch (IOException | RuntimeException | Error e) {
            collector.close();
            throw e;
        } finally {
            reader.shutdown(); // a read goes on: an interrupt would close a file that training may be reading too
        }
    }

    private byte[] read(PictureSource pictures, int from) throws IOException {
        return pictures.read(from, Math.min(batch, pictures.size() - from));
    }

    /**
     * Adds the features of some pictures to a collector.
     *
     * @param pixels (N, height, width, 3) red, green, blue
     */
    public void add(FeatureCollector collector, byte[] pixels, int height, int width) {
        try (NDManager scratch = manager.newSubManager()) {
            int n = pixels.length / (height * width * 3);
            NDArray images = OwnedArrays.of(scratch, new Shape(n, height, width, 3), pixels)
                    .transpose(0, 3, 1, 2); // (N, 3, H, W)
            collector.add(extractor.extract(images));
        }
    }

    private static byte[] await(Future<byte[]> batch) throws IOException {
        try {
            return batch.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException io) {
                throw io;
            }
            if (e.getCause() instanceof RuntimeException runtime) {
                throw runtime;
            }
            throw new IllegalStateException("pictures could not be read", e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("reading pictures was interrupted");
        }
    }

    private static Thread daemon(Runnable work) {
        Thread thread = new Thread(work, "pictures");
        thread.setDaemon(true);
        return thread;
    }
}
