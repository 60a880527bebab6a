package io.github.maskalign.sit.lab;

import ai.djl.Device;
import ai.djl.engine.Engine;
import io.github.maskalign.sit.lab.internal.AnalysisSettings;
import io.github.maskalign.sit.lab.internal.AnalysisWork;
import io.github.maskalign.sit.run.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Measures what a model's alignment does: where its gradient prefers to be, how stable it is under masks, how alike the
 * model's tokens are to the encoder's, to their neighbours' and within classes, and whether alignment and denoising agree. Every
 * number has an interval and, where it is known, what chance alone gives. Models of all methods are measured: one without an
 * alignment has no gradients of one, no stability and no conflict, and the rest is what it is of any model.
 *
 * <pre>{@code
 * Analysis.of(List.of(Path.of("runs/mine")))
 *         .withParts(Set.of(Part.GRADIENTS))
 *         .withPictures(512)
 *         .write(Path.of("runs/mine/analysis"));
 * }</pre>
 *
 * <p>Weights are the averaged ones, in float32, without dropout of labels. Noise and masks follow from the seed and a picture's
 * position, so the same pictures get the same ones at every t and of every checkpoint, whatever the batch; other batches change
 * results by the rounding of matrix products alone.
 */
public final class Analysis {
    private static final Logger LOG = LoggerFactory.getLogger(Analysis.class);

    /** What can be measured. */
    public enum Part {
        /** Where the alignment's gradient is longest, its factors and controls: MaskAlign (arXiv 2606.08788) Sec. 4.1. */
        GRADIENTS,
        /** How much the alignment loss rises under masks: MaskAlign Sec. 5.2. */
        STABILITY,
        /**
         * CKNNA, shared neighbours and CKA of each block's mean token with the encoder's; with the embedded teacher's where the
         * run has no encoder, its data have pictures and its tokens are 8 x 8 or 16 x 16.
         */
        SIMILARITY,
        /** LDS, CDS and RMSC of each block's tokens, and of the encoder's: iREPA. */
        SPATIAL,
        /** Accuracy of a linear classifier of each block's mean token. */
        PROBE,
        /** Cosine of the gradients of alignment and denoising with respect to the weights. */
        CONFLICT
    }

    private final List<Path> sources;
    private final String checkpoints;
    private final @Nullable Path like;
    private final String encoders;
    private final AnalysisSettings settings;
    private final Surroundings surroundings;

    /** What changes no number. */
    private record Surroundings(Path cache, Device device, Progress.Display display) {}

    private Analysis(
            List<Path> sources,
            String checkpoints,
            @Nullable Path like,
            String encoders,
            AnalysisSettings settings,
            Surroundings surroundings) {
        this.sources = List.copyOf(sources);
        this.checkpoints = checkpoints;
        this.like = like;
        this.encoders = encoders;
        this.settings = settings;
        this.surroundings = surroundings;
    }

    /**
     * Describes the analysis of everything on 256 pictures, at t = 0.1, 0.3, 0.5, 0.7 and 0.9, with 4 masks of each; nothing
     * is opened before {@link #write}.
     *
     * @param sources run folders, whose newest averaged weights are taken; files in them; or files of weights of any project
     */
    public static Analysis of(List<Path> sources) {
        if (sources.isEmpty()) {
            throw new IllegalArgumentException("an analysis needs at least one run or file of weights");
        }
        return new Analysis(
                sources,
                "newest",
                null,
                "1",
                new AnalysisSettings(EnumSet.allOf(Part.class), 256, List.of(0.1, 0.3, 0.5, 0.7, 0.9), 4, 0, 16, 1000),
                new Surroundings(
                        near(sources.get(0)).resolve("cache"),
                        Engine.getInstance().getGpuCount() == 0 ? Device.cpu() : Device.gpu(),
                        Progress.Display.LOG));
    }

    /** Returns the analysis of some parts alone, at least one. */
    public Analysis withParts(Set<Part> parts) {
        if (parts.isEmpty()) {
            throw new IllegalArgumentException("an analysis needs at least one of " + List.of(Part.values()));
        }
        return with(new AnalysisSettings(
                parts,
                settings.pictures(),
                settings.times(),
                settings.masks(),
                settings.seed(),
                settings.batch(),
                settings.draws()));
    }

    /** Returns the analysis of so many pictures, at least 24: the first ones of an order that the seed gives. */
    public Analysis withPictures(int pictures) {
        return with(new AnalysisSettings(
                settings.parts(),
                pictures,
                settings.times(),
                settings.masks(),
                settings.seed(),
                settings.batch(),
                settings.draws()));
    }

    /** Returns the analysis at other t, in [0, 1]; 0 is data. */
    public Analysis withTimes(List<Double> times) {
        return with(new AnalysisSettings(
                settings.parts(),
                settings.pictures(),
                times,
                settings.masks(),
                settings.seed(),
                settings.batch(),
                settings.draws()));
    }

    /** Returns the analysis with so many masks of each picture, at least 1. */
    public Analysis withMasks(int masks) {
        return with(new AnalysisSettings(
                settings.parts(),
                settings.pictures(),
                settings.times(),
                masks,
                settings.seed(),
                settings.batch(),
                settings.draws()));
    }

    /** Returns the analysis with other random numbers: pictures, noise, masks and resamples. */
    public Analysis withSeed(long seed) {
        return with(new AnalysisSettings(
                settings.parts(),
                settings.pictures(),
                settings.times(),
                settings.masks(),
                seed,
                settings.batch(),
                settings.draws()));
    }

    /**
     * Returns the analysis with another amount of work.
     *
     * @param batch pictures computed at a time, at least 1
     * @param draws resamples of each interval and draws of each chance, at least 20; 1000 unless given
     */
    public Analysis withWork(int batch, int draws) {
        return with(new AnalysisSettings(
                settings.parts(),
                settings.pictures(),
                settings.times(),
                settings.masks(),
                settings.seed(),
                batch,
                draws));
    }

    private Analysis with(AnalysisSettings other) {
        return new Analysis(sources, checkpoints, like, encoders, other, surroundings);
    }

    /**
     * Returns the analysis of other weights of the run folders.
     *
     * @param which {@code newest}, {@code all}, or steps with commas between
     */
    public Analysis withCheckpoints(String which) {
        return new Analysis(sources, which, like, encoders, settings, surroundings);
    }

    /**
     * Returns the analysis on the data and with the encoder of another run or config; files from elsewhere need it, and runs
     * without an encoder to be compared with one.
     */
    public Analysis withLike(Path other) {
        return new Analysis(sources, checkpoints, other, encoders, settings, surroundings);
    }

    /**
     * Returns the analysis of what follows another encoder, of a run that aligns with several.
     *
     * @param which {@code all}, or the number of one: 1 is the first, 2 that of {@code moreEncoders[0]}; 1 unless given
     */
    public Analysis withEncoders(String which) {
        return new Analysis(sources, checkpoints, like, which, settings, surroundings);
    }

    /**
     * Returns the analysis with other surroundings.
     *
     * @param cache where a {@link io.github.maskalign.sit.run.TrainingSource} keeps what it makes once; {@code cache} in the
     *     first run's folder unless given
     * @param display shows how far it is; lines of the log unless given
     */
    public Analysis withSurroundings(Path cache, Progress.Display display) {
        return new Analysis(
                sources, checkpoints, like, encoders, settings, new Surroundings(cache, surroundings.device, display));
    }

    /** Returns where {@link #write} puts its files unless told otherwise: {@code analysis} in the first run's folder. */
    public Path usualFolder() {
        return near(sources.get(0)).resolve("analysis");
    }

    /** The folder of a run, or that of a file. */
    private static Path near(Path source) {
        return Files.isDirectory(source) ? source : source.toAbsolutePath().resolveSibling("");
    }

    /**
     * Measures and writes {@code analysis.json} and pictures of the maps; {@code maskalign report} shows them of a run. The
     * file is written at once when all is measured, so what was there before stays until then.
     *
     * @return the file
     * @throws IllegalArgumentException if nothing that was asked for can be measured, or data and weights do not fit
     * @throws IOException if a file cannot be read or written
     */
    public Path write(Path folder) throws IOException {
        LOG.info("analysing {} on {} pictures", sources, settings.pictures());
        return new AnalysisWork(sources, checkpoints, like, encoders, settings)
                .write(folder, surroundings.cache, surroundings.device, surroundings.display);
    }
}
