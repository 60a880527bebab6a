package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.data.ImageTensorData;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.random.Draws;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Training that aligns at several depths, with one encoder and with several. */
class AlignDepthsTest {
    private static final int Z = TinySiT.ENCODER;

    private final AttendingEncoder one = new AttendingEncoder(Z, TinySiT.T, 2);
    private final AttendingEncoder other = new AttendingEncoder(7, TinySiT.T, 2);

    @TempDir
    Path folder;

    @Test
    void severalEncodersTrainAtDepthsOfTheirOwn() throws IOException {
        SiTConfig model = aligned(List.of(1, 3), List.of(Z, 7));

        train(model, List.of(one, other));

        assertThat(one.asked).hasSize(3);
        assertThat(other.asked).hasSize(3);
        try (SafetensorsFile file = SafetensorsFile.open(folder.resolve("snapshot-0000003.safetensors"))) {
            assertThat(file.stateDict().get("projectors.0.4.weight").shape()).isEqualTo(new Shape(Z, 20));
            assertThat(file.stateDict().get("projectors.1.4.weight").shape()).isEqualTo(new Shape(7, 20));
            assertThat(file.metadata()).containsEntry("config.align.depths", "[1, 3]");
        }
    }

    @Test
    void oneEncoderServesAllDepthsAndIsAskedOnce() throws IOException {
        train(aligned(List.of(1, 2, 3), List.of(Z, Z, Z)), List.of(one));

        assertThat(one.asked).hasSize(3);
    }

    @Test
    void anEncoderTooFewIsRefusedBeforeTheFirstStep() {
        SiTConfig model = TinySiT.repa().withAlignment(2, 20, List.of(Z, 7));

        assertThatThrownBy(() -> train(model, List.of(one)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("tokens of width 11 but the model aligns with [11, 7]");
        assertThatThrownBy(() -> train(aligned(List.of(1, 3), List.of(Z, Z)), List.of(one, other)))
                .hasMessageContaining("tokens of widths [11, 7] but the model aligns with [11, 11]");
    }

    @Test
    void depthsMustFitTheProjectorsAndTheModel() {
        SiTConfig two = TinySiT.repa().withAlignment(2, 20, List.of(Z, 7));

        assertThatThrownBy(() -> two.withAlignment(two.align().withDepths(List.of(1, 2, 3))))
                .hasMessageContaining("align.depths must be empty or name a depth for each of 2 projectors")
                .hasMessageContaining("[1, 2, 3]");
        assertThatThrownBy(() -> two.withAlignment(two.align().withDepths(List.of(1, 4))))
                .hasMessage("align.depths must be in [1, 3] but was 4");
    }

    @Test
    void tokensOfADepthOutsideOfTheRouteAreAllNeeded() {
        SiTConfig inside = aligned(List.of(2, 2), List.of(Z, Z)).withPlacement(SubsetPlacement.ROUTE, 1, 1);
        SiTConfig mixed = aligned(List.of(2, 3), List.of(Z, Z)).withPlacement(SubsetPlacement.ROUTE, 1, 1);

        assertThat(inside.alignsSubset()).isTrue();
        assertThat(mixed.alignsSubset()).isFalse();
        assertThat(mixed.alignsSubset(0)).isTrue();
        assertThat(mixed.alignsSubset(1)).isFalse();
    }

    private static SiTConfig aligned(List<Integer> depths, List<Integer> widths) {
        SiTConfig config = TinySiT.plain().withAlignment(2, 20, widths);
        return config.withAlignment(config.align().withDepths(depths));
    }

    private void train(SiTConfig model, List<RepresentationEncoder> encoders) throws IOException {
        try (SiTTraining training = SiTTraining.builder()
                .setModel(model)
                .setData((draws, kept) -> pictures(draws))
                .setSteps(3)
                .setBatch(4)
                .optEncoders(encoders)
                .optFolder(folder)
                .build()) {
            training.run();
            assertThat(training.state().skipped()).isZero();
        }
    }

    private static ImageTensorData pictures(Draws draws) {
        SplittableRandom random = new SplittableRandom(7);
        byte[][] pixels = new byte[8][3 * 6 * 6];
        for (byte[] picture : pixels) {
            random.nextBytes(picture);
        }
        return new ImageTensorData(pixels, new int[8], new Shape(3, 6, 6), draws);
    }
}
