package io.github.maskalign.sit.lab.internal;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.data.TrainingData.TrainingBatch;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.lab.Analysis.Part;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunConfig.EncoderSection;
import io.github.maskalign.sit.run.TrainingSource.TrainingPictures;
import io.github.maskalign.sit.run.internal.EncoderChoice;
import io.github.maskalign.sit.run.internal.RunData;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The encoders that are run; none if the data bring their tokens.
 *
 * @param borrowed whether it is the embedded teacher, as the config names none
 */
record PictureEncoders(List<RepresentationEncoder> list, boolean borrowed) implements AutoCloseable {
    /** Sides of the grids that the embedded teacher gives. */
    private static final Set<Integer> TEACHER_GRIDS = Set.of(8, 16);

    static PictureEncoders of(RunConfig config, SiTConfig model, AnalysisSettings settings, RunData data, Device device)
            throws IOException {
        if (data.data().tokenWidth() > 0) {
            return new PictureEncoders(List.of(), false);
        }
        if (config.encoder().kind() != EncoderSection.Kind.NONE) {
            return new PictureEncoders(EncoderChoice.open(config, model, data.pictureSide(), device), false);
        }
        TrainingPictures pictures = data.pictures();
        boolean seen = settings.has(Part.SIMILARITY)
                && pictures != null
                && pictures.size() == data.data().size()
                && TEACHER_GRIDS.contains(model.grid());
        return seen && pictures != null
                ? new PictureEncoders(List.of(Encoders.embeddedTeacher(model.tokens(), pictures.side(), device)), true)
                : new PictureEncoders(List.of(), false);
    }

    List<NDArray> tokens(TrainingBatch read, @Nullable NDArray images) {
        NDArray known = read.tokens();
        if (list.isEmpty()) {
            return known == null ? List.of() : List.of(known);
        }
        if (images == null) {
            throw new IllegalStateException("the data have no pictures for the encoder");
        }
        return list.stream().map(encoder -> Mirrors.all(encoder, images)).toList();
    }

    @Override
    public void close() {
        list.forEach(RepresentationEncoder::close);
    }
}
