package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.data.LatentData;
import io.github.maskalign.core.data.internal.ChannelStatistics;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.encoders.vae.Autoencoder.LatentScaling;
import io.github.maskalign.sit.run.RunConfig.DataSection;
import io.github.maskalign.sit.run.RunConfig.DataSection.Scaling;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Between an autoencoder's latents and a run's: one scale and bias, or statistics by channel, of which the run's folder
 * keeps a copy.
 *
 * @param scaling the config's keys
 * @param statistics what their file holds; empty if they name none
 */
public record LatentNorm(Scaling scaling, Optional<ChannelStatistics> statistics) {
    private static final Path PREPARED = Path.of("prepared");

    /** Reads the statistics that a config names. */
    public static LatentNorm of(DataSection data) throws IOException {
        return of(data, null);
    }

    /** Reads the statistics of a run from its folder, so that it can be sampled where its data are not. */
    static LatentNorm of(DataSection data, @Nullable Path run) throws IOException {
        if (data.scaling().statistics().isEmpty()) {
            return new LatentNorm(data.scaling(), Optional.empty());
        }
        Path named = data.scaling().statistics().get();
        boolean prepared = named.equals(PREPARED);
        Path file = prepared ? data.path().orElseThrow().resolve(ChannelStatistics.FILE) : named;
        Path kept = run == null ? file : run.resolve(ChannelStatistics.FILE);
        Path used = Files.exists(kept) ? kept : file;
        if (!Files.exists(used)) {
            throw new NoSuchFileException(
                    used.toString(),
                    null,
                    prepared
                            ? "data.statistics is prepared, but the set has none: the prepare command that made it, run again,"
                                    + " measures them"
                            : "data.statistics must name a file");
        }
        return new LatentNorm(data.scaling(), Optional.of(ChannelStatistics.read(used)));
    }

    /** @throws IllegalArgumentException unless there are statistics of each channel, or none */
    void requireFits(int channels) {
        if (statistics.isPresent() && statistics.get().mean().size() != channels) {
            throw new IllegalArgumentException(
                    "data.statistics " + scaling.statistics().orElseThrow() + " is of "
                            + statistics.get().mean().size() + " channels, but the latents have " + channels);
        }
    }

    /** Returns data of which the model is given what this says. */
    LatentData scaled(LatentData data) {
        LatentScaling channels = latentScaling();
        return statistics.isEmpty() ? data : data.withChannels(array(channels.scale()), array(channels.bias()));
    }

    /** Returns how samples of the model become the autoencoder's latents again. */
    LatentScaling latentScaling() {
        return statistics
                .map(found -> new LatentScaling(
                        found.std().stream()
                                .map(std -> scaling.multiplier() / std)
                                .toList(),
                        found.mean()))
                .orElseGet(() -> LatentScaling.of(scaling.scale(), scaling.bias()));
    }

    /** Returns what tells runs on other statistics apart; empty without any. */
    String identity() {
        return statistics
                .map(found -> " normalised by "
                        + Digests.sha256(found.json().getBytes(StandardCharsets.UTF_8))
                                .substring(0, 16))
                .orElse("");
    }

    private static double[] array(List<Double> numbers) {
        return numbers.stream().mapToDouble(Double::doubleValue).toArray();
    }
}
