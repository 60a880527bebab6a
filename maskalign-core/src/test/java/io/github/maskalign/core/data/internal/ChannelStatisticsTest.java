package io.github.maskalign.core.data.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChannelStatisticsTest {
    private static final SampleLayout LAYOUT =
            SampleLayout.latents(3, 2, SampleLayout.FloatCode.FLOAT32); // three channels of 2 x 2

    @TempDir
    Path folder;

    @Test
    void measuresMeanAndDeviationOfTheMixtureOfPosteriors() throws Exception {
        int pictures = 300; // more than are summed at a time
        Prepared.write(folder, LAYOUT, 200, 100);
        List<Integer> told = new ArrayList<>();

        ChannelStatistics found;
        try (ShardSet set = ShardSet.open(folder)) {
            found = ChannelStatistics.of(set, told::add);
        }

        int plane = LAYOUT.side() * LAYOUT.side();
        int values = LAYOUT.channels() * plane;
        for (int c = 0; c < LAYOUT.channels(); c++) {
            double mean = 0;
            for (int i = 0; i < pictures; i++) {
                float[] moments = Prepared.sample(LAYOUT, i).moments();
                for (int k = c * plane; k < (c + 1) * plane; k++) {
                    mean += moments[k] / (double) (pictures * plane);
                }
            }
            double variance = 0; // Var[z] = E[std²] + Var[mean], in two passes
            for (int i = 0; i < pictures; i++) {
                float[] moments = Prepared.sample(LAYOUT, i).moments();
                for (int k = c * plane; k < (c + 1) * plane; k++) {
                    variance +=
                            (Math.pow(moments[values + k], 2) + Math.pow(moments[k] - mean, 2)) / (pictures * plane);
                }
            }
            // float64 sums of 1,200 numbers of order 1
            assertThat(found.mean().get(c)).isCloseTo(mean, within(1e-12));
            assertThat(found.std().get(c)).isCloseTo(Math.sqrt(variance), within(1e-11));
        }
        assertThat(told).containsExactly(256, 300);
    }

    @Test
    void readsWhatItAndOthersWrite() throws Exception {
        ChannelStatistics statistics = new ChannelStatistics(List.of(0.25, -1.0), List.of(0.5, 4.0));
        Path ours = folder.resolve("latents-stats.json");
        statistics.write(ours);
        assertThat(ChannelStatistics.read(ours)).isEqualTo(statistics);

        Path lightning = tensors("latents_stats.safetensors", "mean", "std", new float[] {0.5f, 4});
        assertThat(ChannelStatistics.read(lightning)).isEqualTo(statistics);
        Path repae = tensors("repae.safetensors", "latents_bias", "latents_scale", new float[] {2, 0.25f});
        assertThat(ChannelStatistics.read(repae)).isEqualTo(statistics);
        assertThatThrownBy(() -> ChannelStatistics.read(tensors("x.safetensors", "a", "b", new float[2])))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("x.safetensors")
                .hasMessageContaining("it must hold mean and std, or latents_bias and latents_scale, but holds");
        assertThatThrownBy(() -> ChannelStatistics.read(tensors("y.safetensors", "mean", "std", new float[] {1, 0})))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("std above 0 but channel 1 has -1.0 and 0.0");
    }

    private Path tensors(String name, String bias, String scale, float[] scales) throws Exception {
        Path file = folder.resolve(name);
        Shape shape = new Shape(1, 2, 1, 1);
        SafetensorsWriter.write(
                file,
                StateDict.ofTensors(Map.of(
                        bias, TensorSource.of(shape, new float[] {0.25f, -1}), scale, TensorSource.of(shape, scales))),
                Map.of());
        return file;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "null",
                "[]",
                "{}",
                "{\"mean\": [1]}",
                "{\"mean\": [1], \"std\": [1, 2]}",
                "{\"mean\": [], \"std\": []}",
                "{\"mean\": [\"a\"], \"std\": [1]}",
                "{\"mean\": [1], \"std\": [-1]}",
                "{\"mean\": [1], \"std\": [null]}",
                "{\"mean\": [1e999], \"std\": [1]}",
                "{\"mean\": [NaN], \"std\": [1]}",
                "\u0000\u0001"
            })
    void whatIsNoStatisticsIsRefusedWithTheFilesName(String text) throws Exception {
        Path file = Files.writeString(folder.resolve("stats.json"), text);

        assertThatThrownBy(() -> ChannelStatistics.read(file))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("stats.json");
    }

    @Test
    void equallyManyNumbersAreNeeded() {
        assertThatThrownBy(() -> new ChannelStatistics(List.of(1.0), List.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("equally many, but have 1 and 0");
    }
}
