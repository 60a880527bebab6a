package io.github.maskalign.sit.run.internal;

import ai.djl.Device;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.files.WeightsFile.Unknown;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.encoders.vae.Autoencoder;
import io.github.maskalign.encoders.vae.NativeAutoencoder;
import io.github.maskalign.encoders.vae.PatchAutoencoder;
import io.github.maskalign.encoders.vae.PixelAutoencoder;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.run.Progress;
import io.github.maskalign.sit.weights.SiTWeights.ImportOptions;
import io.github.maskalign.sit.weights.internal.OpenWeights;
import io.github.maskalign.sit.weights.internal.RunSnapshots;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/** What pictures are made, of what, and how. */
public final class SampleSettings {
    private SampleSettings() {}

    /**
     * The weights.
     *
     * @param path run folder or file
     * @param average decay of the run's average that is meant; null for the main one
     * @param options what a file from elsewhere does not say about itself
     * @param section state dict inside a checkpoint; null for the only one, or ema
     * @param unknown what becomes of unknown classes in a PyTorch checkpoint
     * @param experts further networks, each for some of the times
     */
    public record Source(
            Path path,
            @Nullable Double average,
            ImportOptions options,
            @Nullable String section,
            Unknown unknown,
            List<ExpertWeights> experts) {
        /** Copies the list. */
        public Source {
            experts = List.copyOf(experts);
        }

        /** Returns the file that is read, or the folder of a run whose newest weights are. */
        public Path chosen() throws IOException {
            return average == null ? path : TrainedWeights.find(path, average).weights();
        }

        /** Returns which weights these are, for scores of a run's and of another's to be compared. */
        public String kind(Path chosen) throws IOException {
            if (average != null) {
                return "average of decay " + average;
            }
            return SampleSource.isRun(chosen)
                    ? "average of decay "
                            + TrainedWeights.find(chosen).config().optim().emaDecay()
                    : "file";
        }

        /** Opens the file of the weights. */
        public OpenWeights open(Path chosen) throws IOException {
            Path file = Files.isDirectory(chosen) ? RunSnapshots.newest(chosen) : chosen;
            return OpenWeights.open(file, section, unknown);
        }
    }

    /**
     * A network that draws some of the times in the place of the first (eDiff-I).
     *
     * @param path run folder or file
     * @param times smallest and largest of them; null for {@code diffusion.tRange} of its run
     */
    public record ExpertWeights(Path path, @Nullable List<Double> times) {
        /** Checks the times. */
        public ExpertWeights {
            if (times != null) {
                times = List.copyOf(times);
                if (times.size() != 2 || !(0 <= times.get(0) && times.get(0) < times.get(1) && times.get(1) <= 1)) {
                    throw new IllegalArgumentException(
                            "the times of " + path + " must be two rising numbers in [0, 1] but were " + times);
                }
            }
        }
    }

    /**
     * The pictures.
     *
     * @param count their number, at least 1
     * @param seed seed of the noise, and of labels that are drawn
     * @param labels classes in turn, used again and again; empty for labels at random
     * @param names as {@code labels}, as texts that {@link ClassNames} has to know; empty for those
     * @param balanced whether all classes come in turn
     */
    public record Wanted(int count, long seed, List<Integer> labels, List<String> names, boolean balanced) {
        /** Checks the ranges. */
        public Wanted {
            if (count < 1) {
                throw new IllegalArgumentException("the number of pictures must be at least 1 but was " + count);
            }
            labels = List.copyOf(labels);
            names = List.copyOf(names);
        }

        /**
         * Returns the pictures with numbers in place of the names.
         *
         * @throws IllegalArgumentException if there is no such class
         */
        public Wanted resolved(ClassNames classes) {
            return names.isEmpty() ? this : new Wanted(count, seed, classes.labels(names), List.of(), balanced);
        }

        /** Returns the rule of the labels, in a word. */
        String rule() {
            return !labels.isEmpty() || !names.isEmpty() ? "given" : balanced ? "balanced" : "random";
        }

        /**
         * Returns the label of each picture.
         *
         * @throws IllegalArgumentException if the model has no such class
         */
        public long[] classes(int classes) {
            if (labels.isEmpty()) {
                return balanced
                        ? LongStream.range(0, count).map(i -> i % classes).toArray()
                        : LatentSampling.randomLabels(seed, 0, count, classes);
            }
            for (int label : labels) {
                if (label < 0 || label >= classes) {
                    throw new IllegalArgumentException(
                            "--labels must be in [0, " + (classes - 1) + "] but held " + label);
                }
            }
            return LongStream.range(0, count)
                    .map(i -> labels.get((int) (i % labels.size())))
                    .toArray();
        }
    }

    /** Changes how a model is sampled. */
    @FunctionalInterface
    public interface Change {
        /** Returns settings of the sampler that take the place of the model's own. */
        SamplerConfig of(SamplerConfig own, SiTConfig model);
    }

    /**
     * How they are computed.
     *
     * @param change what takes the place of the model's own settings of the sampler
     * @param precision arithmetic; null for that of the run, and float32 for files
     * @param batch pictures at a time, at least 1
     */
    public record Computing(Change change, @Nullable RunPrecision precision, int batch) {
        /** Checks the range. */
        public Computing {
            if (batch < 1) {
                throw new IllegalArgumentException("the batch must be at least 1 but was " + batch);
            }
        }
    }

    /**
     * How latents become pictures.
     *
     * @param autoencoder what decodes them; null if the model makes pixels
     * @param pixels how values become bytes; null for the model's own rule
     * @param batch pictures at a time
     * @param tile larger latents are decoded in tiles of this side
     */
    public record Decoding(
            @Nullable AutoencoderChoice autoencoder,
            @Nullable PixelScaling pixels,
            int batch,
            int tile) {}

    /**
     * Who is told.
     *
     * @param display what shows how far it is
     * @param notes what is told of a file of weights
     */
    public record Audience(Progress.Display display, Consumer<String> notes) {}

    /**
     * Which autoencoder makes pictures of latents.
     *
     * @param name what was named, which provenance states
     * @param opening opens it
     */
    public record AutoencoderChoice(String name, Opening opening) {
        /** What provenance says of no autoencoder. */
        public static final String NONE = "[]";

        /** The autoencoder that comes with the library, and the word by which it is asked for. */
        public static final AutoencoderChoice EMBEDDED =
                new AutoencoderChoice("embedded", (device, precision) -> PatchAutoencoder.embedded(device));

        /** Pixels along a side of what that autoencoder makes of a latent pixel. */
        static final int EMBEDDED_REDUCTION = 4;

        private static final Path PIXELS = Path.of("none");

        /** Returns the one of a folder or file as diffusers publishes it, or {@code none} for pixels as latents. */
        public static AutoencoderChoice of(Path vae) {
            return new AutoencoderChoice(
                    vae.toString(),
                    (device, precision) ->
                            isNone(vae) ? new PixelAutoencoder() : NativeAutoencoder.open(vae, device, precision));
        }

        /** Whether a path is the word for no autoencoder; a folder of that name is {@code ./none}. */
        public static boolean isNone(Path vae) {
            return vae.equals(PIXELS);
        }

        /** Whether the latents are something else than pixels. */
        public boolean decodes() {
            return !name.equals(PIXELS.toString());
        }

        /** Opens an autoencoder. */
        @FunctionalInterface
        public interface Opening {
            /** Returns it; the caller closes it. */
            Autoencoder open(Device device, Precision precision) throws IOException;
        }
    }
}
