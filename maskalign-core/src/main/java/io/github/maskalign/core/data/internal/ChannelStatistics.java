package io.github.maskalign.core.data.internal;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import io.github.maskalign.core.data.PreparedSamples;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.files.internal.TorchFile.Sections;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * Mean and standard deviation of latents by channel, over pictures and places: the model of most autoencoders but Stable
 * Diffusion's is trained on {@code (z − mean) / std}.
 *
 * @param mean of each channel
 * @param std of each channel, above 0; the posterior's own deviation is part of it
 */
public record ChannelStatistics(List<Double> mean, List<Double> std) {
    /** The file's name in a prepared set and in a run's folder. */
    public static final String FILE = "latents-stats.json";

    private static final int MOST_CHANNELS = 1 << 16;
    private static final long MOST_BYTES = 16L << 20;
    private static final int CHUNK = 256;
    private static final Gson GSON = new GsonBuilder().setPrettyPrinting().create();

    /** @throws IllegalArgumentException unless there are equally many finite numbers and each deviation is above 0 */
    public ChannelStatistics {
        mean = List.copyOf(mean);
        std = List.copyOf(std);
        if (mean.isEmpty() || mean.size() != std.size() || mean.size() > MOST_CHANNELS) {
            throw new IllegalArgumentException(
                    "mean and std must have one number for each channel, equally many, but have " + mean.size()
                            + " and " + std.size());
        }
        for (int c = 0; c < mean.size(); c++) {
            if (!Double.isFinite(mean.get(c)) || !(std.get(c) > 0) || std.get(c).isInfinite()) {
                throw new IllegalArgumentException("mean must be finite and std above 0 but channel " + c + " has "
                        + mean.get(c) + " and " + std.get(c));
            }
        }
    }

    /** What our own file holds. */
    private record Json(List<Double> mean, List<Double> std) {}

    /** Returns the content of {@link #FILE}. */
    public String json() {
        return GSON.toJson(new Json(mean, std)) + "\n";
    }

    /** Writes a file. */
    public void write(Path file) throws IOException {
        AtomicFile.write(file, json());
    }

    /**
     * Reads a file: our own JSON, or safetensors or a PyTorch file with {@code mean} and {@code std} (LightningDiT), or with
     * {@code latents_bias} and {@code latents_scale}, which is 1/std (iREPA, REPA-E), of any shape with a number for each
     * channel.
     *
     * @throws CheckpointFormatException if it holds neither, or numbers that are no statistics
     */
    public static ChannelStatistics read(Path file) throws IOException {
        try {
            return file.toString().endsWith(".json") ? ofJson(file) : ofTensors(file);
        } catch (IllegalArgumentException e) {
            throw new CheckpointFormatException(file, String.valueOf(e.getMessage()), e);
        }
    }

    private static ChannelStatistics ofJson(Path file) throws IOException {
        if (Files.size(file) > MOST_BYTES) {
            throw new CheckpointFormatException(file, "it is too large for statistics of latents");
        }
        try {
            String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
            Json read = GSON.fromJson(text, Json.class);
            return new ChannelStatistics(read.mean(), read.std());
        } catch (JsonParseException | NullPointerException e) {
            throw new CheckpointFormatException(file, "it must be {\"mean\": [...], \"std\": [...]}", e);
        }
    }

    private static ChannelStatistics ofTensors(Path file) throws IOException {
        try (WeightsFile opened = WeightsFile.open(file)) {
            StateDict tensors = opened.stateDict();
            if (tensors.keys().contains("latents_bias")) {
                List<Double> std = new ArrayList<>();
                numbers(tensors, "latents_scale").forEach(scale -> std.add(1 / scale));
                return new ChannelStatistics(numbers(tensors, "latents_bias"), std);
            }
            if (!tensors.keys().contains("mean")) {
                throw new CheckpointFormatException(
                        file,
                        "it must hold mean and std, or latents_bias and latents_scale, but holds "
                                + Sections.list(tensors.keys()));
            }
            return new ChannelStatistics(numbers(tensors, "mean"), numbers(tensors, "std"));
        }
    }

    private static List<Double> numbers(StateDict tensors, String key) throws IOException {
        TensorSource source = tensors.get(key);
        if (source.shape().size() > MOST_CHANNELS) {
            throw new IllegalArgumentException(
                    key + " must have a number for each channel but has shape " + source.shape());
        }
        List<Double> numbers = new ArrayList<>();
        for (float value : source.floats()) {
            numbers.add((double) value);
        }
        return numbers;
    }

    /**
     * Measures a set: E[z] and √Var[z] of z ~ N(mean, std²) at all places of all pictures, in float64 and in the order of
     * the set.
     *
     * @param done told how many pictures are done
     */
    public static ChannelStatistics of(PreparedSamples set, IntConsumer done) throws IOException {
        int channels = set.layout().channels();
        double[] sum = new double[channels];
        double[] squares = new double[channels];
        int values = set.layout().momentValues();
        for (int first = 0; first < set.size(); first += CHUNK) {
            int from = first;
            double[][] parts = IntStream.range(first, Math.min(set.size(), first + CHUNK))
                    .parallel()
                    .mapToObj(index -> sums(set, index, values, channels))
                    .toArray(double[][]::new);
            for (double[] part : parts) {
                for (int c = 0; c < channels; c++) {
                    sum[c] += part[c];
                    squares[c] += part[channels + c];
                }
            }
            done.accept(from + parts.length);
        }
        double numbers = (double) set.size() * values / 2 / channels;
        List<Double> mean = new ArrayList<>();
        List<Double> std = new ArrayList<>();
        for (int c = 0; c < channels; c++) {
            double average = sum[c] / numbers;
            mean.add(average);
            std.add(Math.sqrt(squares[c] / numbers - average * average));
        }
        return new ChannelStatistics(mean, std);
    }

    private static double[] sums(PreparedSamples set, int index, int values, int channels) {
        float[] moments = new float[values];
        try {
            set.readMoments(index, moments, 0);
        } catch (IOException e) {
            throw new UncheckedIOException("sample " + index + " (" + set.name(index) + ") cannot be read", e);
        }
        double[] sums = new double[2 * channels];
        int plane = values / 2 / channels;
        for (int k = 0; k < values / 2; k++) {
            double mean = moments[k];
            double std = moments[values / 2 + k];
            sums[k / plane] += mean;
            sums[channels + k / plane] += mean * mean + std * std;
        }
        return sums;
    }
}
