package io.github.maskalign.sit.run.internal;

import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.metrics.MetricSink;
import io.github.maskalign.core.sample.Sampler.SampleListener;
import io.github.maskalign.core.train.MetricListener;
import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainListener.StartKind;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunConfig.RuntimeSection;
import io.github.maskalign.sit.run.internal.Chart.ChartSheet;
import io.github.maskalign.sit.run.internal.SampleSettings.AutoencoderChoice;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Draws sample grids with the averaged weights while a run goes on, as files and for TensorBoard under the tag {@code
 * samples}, and the loss curve when it ends.
 */
public final class PictureListener implements TrainListener {
    private static final Logger LOG = LoggerFactory.getLogger(PictureListener.class);
    private static final int BATCH = 36;
    private static final double SMOOTHING = 0.01;
    private static final String LAST = "samples.png";
    private static final String TAG = "samples";

    private final RunConfig config;
    private final Path folder;
    private final NDManager manager;
    private final MetricListener.Opening opening;
    private @Nullable MetricSink sink;
    private long recorded = -1;

    public PictureListener(RunConfig config, Path folder, NDManager manager, MetricListener.Opening opening) {
        this.config = config;
        this.folder = folder;
        this.manager = manager;
        this.opening = opening;
    }

    /**
     * Says once, before the first step, why there will be no pictures; an autoencoder that does not fit, and a grid that
     * could not be drawn, end the run.
     */
    @Override
    public void onStart(StartKind kind, TrainState state) {
        if (!PictureDecoder.possible(config)) {
            LOG.info(
                    "the model makes latents and data.vae names no autoencoder, so there are no pictures while it trains;"
                            + " draw them later with: maskalign sample {} --vae DIR, or"
                            + " --vae-torchscript ENCODER,DECODER",
                    folder);
            return;
        }
        try (PictureDecoder decoder = PictureDecoder.open(config, manager.getDevice())) {
            decoder.requireFits(RunPlan.model(config));
            requireSheet(config, decoder.side(RunPlan.model(config)));
            sink = opening.open(state.step() + 1);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        if (state.step() >= config.train().steps() && Files.exists(folder.resolve(LAST))) {
            recorded = state.step(); // the run was complete before
        }
    }

    /**
     * Refuses grids that could not be drawn, as far as a config says how large the pictures will be.
     *
     * @throws IllegalArgumentException if there is no room for them
     */
    static void requireSheet(RunConfig config) {
        if (PictureDecoder.possible(config) && config.data().vae().isEmpty()) {
            int reduction = config.data().embedded() ? AutoencoderChoice.EMBEDDED_REDUCTION : 1;
            requireSheet(config, reduction * RunPlan.model(config).model().inputSize());
        }
    }

    private static void requireSheet(RunConfig config, int side) {
        SiTConfig model = RunPlan.model(config);
        RuntimeSection runtime = config.runtime();
        int count = runtime.previewPictures();
        double latents = (double) count
                * model.model().inChannels()
                * model.model().inputSize()
                * model.model().inputSize()
                * Float.BYTES;
        double heap = Runtime.getRuntime().maxMemory() - latents;
        SampleGrid.problem(count, side, runtime.previewScale(), (long) heap).ifPresent(problem -> {
            throw new IllegalArgumentException("runtime.previewPictures " + count + " of " + side
                    + " pixels at runtime.previewScale " + runtime.previewScale() + " " + problem
                    + "; set less of either");
        });
    }

    @Override
    public void onStep(StepResult result, TrainState state) {
        int every = config.runtime().previewEvery();
        if (every > 0 && result.step() % every == 0) {
            draw(state, String.format(Locale.ROOT, "samples-%07d.png", result.step()));
        }
    }

    @Override
    public void onEnd(StopReason reason, TrainState state) {
        if (reason == StopReason.COMPLETED) {
            draw(state, LAST);
        }
        try {
            List<Curve> curves = StatsFile.read(folder.resolve("stats.jsonl"))
                    .curves(List.of("loss", "loss/velocity", "loss/class", "loss/align"));
            if (!curves.isEmpty()) {
                new Chart(config.name(), false, SMOOTHING)
                        .png(ChartSheet.FILE, "loss", Chart.Line.of(curves))
                        .write(folder.resolve("loss.png"));
            }
        } catch (IOException | RuntimeException | OutOfMemoryError e) { // such as a run without a finite loss
            LOG.warn("loss.png cannot be drawn: {}", e.toString());
        }
        if (sink != null) {
            try {
                sink.close();
            } catch (IOException e) {
                throw new UncheckedIOException("the pictures of the run cannot be closed", e);
            }
        }
    }

    /** A grid that cannot be drawn is a warning: pictures are no reason to end a run. */
    private void draw(TrainState state, String name) {
        if (!PictureDecoder.possible(config)) {
            return;
        }
        SiTConfig model = RunPlan.model(config);
        long[] labels = Preview.everyClass(
                config.runtime().previewPictures(), model.model().numClasses());
        try {
            float[] latents;
            try (Preview preview = new Preview(manager, config, state.shown(), config.sample(), BATCH)) {
                latents = preview.draw(labels, 0, config.seed(), SampleListener.NONE);
            }
            Pictures pictures;
            try (PictureDecoder decoder = PictureDecoder.open(config, manager.getDevice(), state.shown())) {
                pictures = decoder.decode(manager, model, latents, labels.length);
            }
            SampleGrid fitting = SampleGrid.fitting(pictures);
            Png sheet = new SampleGrid(
                            fitting.columns(),
                            fitting.padding(),
                            config.runtime().previewScale())
                    .draw(pictures, ClassNames.read(folder).captions(labels));
            sheet.write(folder.resolve(name));
            LOG.info("wrote {}", folder.resolve(name));
            record(state.step(), sheet);
        } catch (IOException | RuntimeException | OutOfMemoryError e) {
            LOG.warn("{} cannot be drawn: {}", name, e.toString());
        }
    }

    /** The last grid may be that of a preview. */
    private void record(long step, Png sheet) throws IOException {
        if (sink != null && step != recorded) {
            sink.image(step, TAG, sheet.bytes(), sheet.width(), sheet.height());
            recorded = step;
        }
    }
}
