package io.github.maskalign.sit.lab.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.lab.internal.AnalysisPictures.Batch;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunConfig.EncoderSection;
import io.github.maskalign.sit.run.TrainingSource.TrainingPictures;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What controls need of each batch; nothing without an encoder. */
record PictureControls(@Nullable Mirrors mirrors, List<RandomEncoder> random) implements AutoCloseable {
    static final PictureControls NONE = new PictureControls(null, List.of());

    static PictureControls open(
            RunConfig config,
            SiTConfig model,
            List<RepresentationEncoder> encoders,
            @Nullable TrainingPictures pictures,
            AnalysisSettings settings,
            NDManager manager)
            throws IOException {
        int side = pictures == null ? 0 : pictures.side();
        List<RandomEncoder> random = new ArrayList<>();
        for (EncoderSection section : side == 0 ? List.<EncoderSection>of() : config.encoders()) {
            random.add(new RandomEncoder(side, model.grid(), section.width(), settings.seed(), manager));
        }
        return new PictureControls(Mirrors.open(config, model, encoders, side, manager.getDevice()), random);
    }

    Batch add(Batch batch, @Nullable NDArray images) {
        List<NDArray> tokens = batch.tokens();
        if (mirrors == null || tokens.isEmpty()) {
            return batch;
        }
        return new Batch(
                batch.first(),
                batch.latents(),
                batch.labels(),
                tokens,
                mirrors.of(batch.latents(), tokens, images),
                images == null
                        ? List.of()
                        : random.stream().map(one -> one.tokens(images)).toList());
    }

    /** Returns what to know of them; {@code latents}: whether anyone looks at the mirrored latents. */
    List<String> notes(boolean latents) {
        List<String> notes = new ArrayList<>(mirrors == null ? List.of() : mirrors.notes());
        notes.removeIf(note -> !latents && note.equals(Mirrors.LATENTS));
        random.stream().map(RandomEncoder::describe).distinct().forEach(notes::add);
        return notes;
    }

    @Override
    public void close() {
        if (mirrors != null) {
            mirrors.close();
        }
        random.forEach(RandomEncoder::close);
    }
}
