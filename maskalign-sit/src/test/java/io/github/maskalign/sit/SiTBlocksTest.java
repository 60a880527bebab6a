package io.github.maskalign.sit;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.nn.BlockContract;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.sit.SiTParts.ClassTokenEmbedder;
import io.github.maskalign.sit.SiTParts.FinalLayer;
import io.github.maskalign.sit.SiTParts.LabelEmbedder;
import io.github.maskalign.sit.SiTParts.PatchEmbed;
import io.github.maskalign.sit.SiTParts.TimestepEmbedder;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class SiTBlocksTest {
    static Stream<String> families() {
        return TinySiT.family().keySet().stream();
    }

    @ParameterizedTest
    @MethodSource("families")
    void wholeModelsKeepTheContract(String family) {
        SiTConfig config = TinySiT.family().get(family);
        try (NDManager manager = NDManager.newBaseManager()) {
            SiT model = TinySiT.moved(config, manager);

            BlockContract.verify(model, TinySiT.list(TinySiT.input(config, manager, null)));
            if (config.subset().placement().usesSubset()) {
                BlockContract.verify(model, TinySiT.list(TinySiT.input(config, manager, TinySiT.keepFive(manager))));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Precision.class)
    void partsKeepTheContract(Precision precision) {
        SiTConfig config = TinySiT.reg();
        Shape positions = new Shape(1, 10, 24);

        BlockContract.verify(new PatchEmbed(config, precision), new Shape(2, 3, 6, 6), new Shape(1, 9, 24));
        BlockContract.verify(new TimestepEmbedder(24, precision), new Shape(5));
        BlockContract.verify(
                new ClassTokenEmbedder(config, precision), new Shape(2, 9, 24), new Shape(2, 11), positions);
        BlockContract.verify(new FinalLayer(config, precision), new Shape(2, 10, 24), new Shape(2, 24));
        BlockContract.verify(new FinalLayer(TinySiT.plain(), precision), new Shape(2, 9, 24), new Shape(2, 24));
        BlockContract.verify(
                new FinalLayer(TinySiT.plain().withOptions(4, 0.1, false, true), precision),
                new Shape(2, 9, 24),
                new Shape(2, 24));
    }

    @Test
    void labelEmbedderKeepsTheContract() {
        try (NDManager manager = NDManager.newBaseManager()) {
            BlockContract.verify(
                    new LabelEmbedder(6, 24),
                    new NDList(TinySiT.labels(manager, 5, 0, 2), manager.randomNormal(new Shape(3, 24))));
        }
    }
}
