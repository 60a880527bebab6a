package io.github.maskalign.sit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.data.ImageTensorData;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.sit.SiTConfig.AlignConfig.ProjectorKind;
import io.github.maskalign.sit.weights.SiTWeights;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

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
    void snapshotsOfARunSayWhatTheirProjectorsAre() throws IOException {
        SiTConfig model = aligned(List.of(1, 3), List.of(Z, 7));
        train(model.withAlignment(model.align().withProjector(ProjectorKind.CONV, 3)), List.of(one, other));

        try (SiTWeights weights = SiTWeights.open(folder);
                NDManager manager = NDManager.newBaseManager()) {
            assertThat(weights.config().align().projector()).isEqualTo(ProjectorKind.CONV);
            assertThat(weights.config().align().depths()).containsExactly(1, 3);
            assertThat(weights.load(manager, Precision.FLOAT32).config().encoderWidths())
                    .containsExactly(Z, 7);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = SubsetPlacement.class,
            names = {"DROP", "DROP_REINSERT"})
    void convolutionsNeedTheWholeGrid(SubsetPlacement placement) {
        SiTConfig repa = TinySiT.repa();
        SiTConfig conv = repa.withAlignment(repa.align().withProjector(ProjectorKind.CONV, 3));

        assertThatThrownBy(() -> conv.withPlacement(placement, 0, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("align.projector CONV needs the whole grid")
                .hasMessageContaining("subset.placement " + placement)
                .hasMessageContaining("choose subset.placement NONE or LOSS_ONLY, or align.projector MLP");
        assertThatThrownBy(() -> conv.withClassToken(Z)).hasMessageContaining("choose cls.enabled false");
        assertThat(conv.withPlacement(SubsetPlacement.LOSS_ONLY, 0, 0).alignsSubset())
                .isTrue();
    }

    @Test
    void convolutionsMayReadOutsideOfTheRouteAlone() {
        SiTConfig model = aligned(List.of(1, 3), List.of(Z, 7));
        SiTConfig conv = model.withAlignment(model.align().withProjector(ProjectorKind.CONV, 3));

        assertThat(conv.withPlacement(SubsetPlacement.ROUTE, 1, 1).alignsSubset())
                .isFalse();
        assertThatThrownBy(() -> conv.withPlacement(SubsetPlacement.ROUTE, 1, 2)) // depth 3 is its last block
                .hasMessageContaining("align.projector CONV needs the whole grid");
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
