package io.github.maskalign.encoders.published;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.engine.Engine;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.fuzz.Fuzz;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Files of encoders with other shapes and names: they open or are refused with the one documented exception. */
class PublishedFuzzTest {
    private static final Path FILE =
            Path.of("src", "test", "resources", "golden", "published", "dinov2-hf.safetensors");

    @TempDir
    Path folder;

    @Test
    void changedFilesOpenOrAreRefused() throws Exception {
        fuzz(FILE, "", "dinov2", 300);
    }

    @Test
    @Tag("slow")
    void manyChangedFilesOpenOrAreRefused() throws Exception {
        fuzz(FILE, "", "dinov2", 20_000);
    }

    /** Files whose tensors are taken apart, filled up and joined before they are looked at. */
    @ParameterizedTest
    @CsvSource({
        "dinov3, hf-gated, dinov3",
        "dinov3, original-mlp, dinov3",
        "siglip2, timm, siglip2",
        "perception-encoder, core-without-class, pe-core",
        "c-radio, original, c-radio"
    })
    void changedFilesOfNewerTeachersOpenOrAreRefused(String topic, String name, String encoder) throws Exception {
        fuzz(Path.of("src", "test", "resources", "golden", topic, name + ".safetensors"), "weights/", encoder, 150);
    }

    private void fuzz(Path seedFile, String prefix, String encoder, int count) throws Exception {
        try (SafetensorsFile original = SafetensorsFile.open(seedFile)) {
            StateDict all = original.stateDict();
            Map<String, Shape> shapes =
                    prefix.isEmpty() ? all.shapes() : all.under(prefix).shapes();
            byte[] seed = "shapes".getBytes(StandardCharsets.UTF_8);
            int accepted = Fuzz.of(
                            List.of(seed),
                            (bytes, random) -> Long.toString(random.nextLong()).getBytes(StandardCharsets.UTF_8),
                            CheckpointFormatException.class)
                    .within(256L << 20, 5_000)
                    .run(count, input -> {
                        Random random = new Random(Long.parseLong(new String(input, StandardCharsets.UTF_8)));
                        Path file = folder.resolve("x.safetensors");
                        Map<String, TensorSource> changed = changed(shapes, random);
                        SafetensorsWriter.write(file, StateDict.ofTensors(changed), Map.of());
                        NativeEncoder.open(
                                        file,
                                        NativeEncoder.Options.of(encoder),
                                        Engine.getInstance().defaultDevice())
                                .close();
                    });
            assertThat(accepted).isLessThan(count);
        }
    }

    private static Map<String, TensorSource> changed(Map<String, Shape> shapes, Random random) {
        Map<String, TensorSource> out = new LinkedHashMap<>();
        shapes.forEach((name, shape) -> out.put(name, zeros(shape)));
        List<String> names = new ArrayList<>(shapes.keySet());
        for (int n = 1 + random.nextInt(3); n > 0; n--) {
            String name = names.get(random.nextInt(names.size()));
            switch (random.nextInt(4)) {
                case 0 -> out.remove(name);
                case 1 -> out.put(name + random.nextInt(3), zeros(new Shape(2)));
                case 2 -> out.put(name, zeros(other(shapes.getOrDefault(name, new Shape(1)), random)));
                default -> out.put(name, zeros(new Shape(0, 1 + random.nextInt(1_000_000_000))));
            }
        }
        return out;
    }

    private static Shape other(Shape shape, Random random) {
        long[] sides = shape.getShape().clone();
        if (sides.length == 0 || random.nextInt(4) == 0) {
            return new Shape(random.nextInt(3));
        }
        sides[random.nextInt(sides.length)] = new long[] {0, 1, 2, 3, 7, 33, 64}[random.nextInt(7)];
        return new Shape(sides);
    }

    private static TensorSource zeros(Shape shape) {
        return TensorSource.of(shape, new float[Math.toIntExact(shape.size())]);
    }
}
