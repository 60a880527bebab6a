package io.github.maskalign.sit.lab;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.internal.RunPlan;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The plans of configs/lab: each binds, costs are known, and controls control what they say. */
class LabPlansTest {
    private static final Path LAB = Path.of("..", "configs", "lab");

    @TempDir
    Path folder;

    static List<Path> plans() throws IOException {
        try (Stream<Path> files = Files.list(LAB)) {
            return files.sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource("plans")
    void everyPlanBindsAndKnowsItsCosts(Path file) throws IOException {
        Comparison comparison = Comparison.open(file, folder.resolve("none"));

        int cells =
                comparison.plan().variants().size() * comparison.plan().seeds().size();
        assertThat(comparison.describe())
                .contains("0 of " + cells + " cells are finished")
                .contains(comparison.plan().reference() + "-seed0");
        assertThat(comparison.plan().name() + ".yaml").isEqualTo(String.valueOf(file.getFileName()));
        assertThat(Files.readString(file)).contains("compare configs/lab/" + file.getFileName());
    }

    @Test
    void theDepthControlHasTheMixersBlocksAndSharesTheOthersCells() {
        Comparison control = Comparison.open(LAB.resolve("depth-control.yaml"), folder);
        Comparison components = Comparison.open(LAB.resolve("components.yaml"), folder);

        SiTConfig deep = model(control, "reg-deep");
        SiTConfig maskalign = model(control, "maskalign");
        assertThat(deep.model().depth())
                .isEqualTo(maskalign.model().depth() + maskalign.mixer().layers())
                .isEqualTo(6);
        assertThat(deep.hasClassToken()).isTrue();
        assertThat(deep.mixer().layers()).isZero();
        assertThat(control.plan().set()).isEqualTo(components.plan().set());
        assertThat(control.plan().budget()).isEqualTo(components.plan().budget());
        for (String shared : List.of("reg", "maskalign")) {
            assertThat(model(control, shared)).isEqualTo(model(components, shared));
        }
    }

    private static SiTConfig model(Comparison of, String variant) {
        List<String> set = new ArrayList<>(of.plan().set());
        of.plan().variants().stream().filter(one -> one.name().equals(variant)).forEach(one -> set.addAll(one.set()));
        return RunPlan.model(ConfigBinder.bind(LAB.resolve(of.plan().base()), set, RunConfig.class)
                .value());
    }
}
