package io.github.maskalign.examples.run;

import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.sample.SampleListener;
import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.StopReason;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.examples.report.Curve;
import io.github.maskalign.examples.report.LossChart;
import io.github.maskalign.examples.report.Pictures;
import io.github.maskalign.examples.report.SampleGrid;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Draws sample grids with the averaged weights while a run goes on, and the loss curve when it ends. */
final class PictureListener implements TrainListener {
    private static final Logger LOG = LoggerFactory.getLogger(PictureListener.class);
    private static final int BATCH = 36;

    private final RunConfig config;
    private final Path folder;
    private final NDManager manager;
    private final Preview preview;

    PictureListener(RunConfig config, Path folder, NDManager manager) {
        this.config = config;
        this.folder = folder;
        this.manager = manager;
        preview = new Preview(config, config.sample(), BATCH);
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
            draw(state, "samples.png");
        }
        Path stats = folder.resolve("stats.jsonl");
        if (Files.exists(stats)) {
            try {
                List<Curve> curves = Curve.read(stats, List.of("loss", "loss/velocity", "loss/class", "loss/align"));
                if (!curves.isEmpty()) {
                    new LossChart(config.name(), "loss").draw(curves).write(folder.resolve("loss.png"));
                }
            } catch (IOException e) {
                LOG.warn("loss.png cannot be drawn: {}", e.toString());
            }
        }
    }

    /** A grid that cannot be written is a warning: pictures are no reason to end a run. */
    private void draw(TrainState state, String name) {
        if (!preview.possible()) {
            LOG.info("no {}: pictures from latents need a decoder", name);
            return;
        }
        long[] labels = preview.everyClass(config.runtime().previewPictures());
        Pictures pictures = preview.draw(manager, state.ema(), labels, config.seed(), SampleListener.NONE);
        SampleGrid fitting = SampleGrid.fitting(pictures);
        try {
            new SampleGrid(
                            fitting.columns(),
                            fitting.padding(),
                            config.runtime().previewScale())
                    .draw(pictures)
                    .write(folder.resolve(name));
            LOG.info("wrote {}", folder.resolve(name));
        } catch (IOException e) {
            LOG.warn("{} cannot be written: {}", name, e.toString());
        }
    }
}
