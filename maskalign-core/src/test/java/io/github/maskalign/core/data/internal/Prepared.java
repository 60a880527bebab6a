package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.data.internal.PreparedStore.PreparedSample;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.files.SafetensorsWriter.WrittenFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Small prepared sets with random contents. */
public final class Prepared {
    static final SampleLayout FULL = new SampleLayout(2, 3, FloatCode.FLOAT16, 5, 4, 3, FloatCode.INT8_PER_ROW);
    static final List<String> CLASSES = List.of("n01440764", "n01443537", "ñ02");

    private Prepared() {}

    /** A sample that depends on its number alone. */
    public static PreparedSample sample(SampleLayout layout, int number) {
        Random random = new Random(number);
        byte[] image = new byte[layout.imageBytes()];
        random.nextBytes(image);
        return new PreparedSample(
                CLASSES.get(number % 3) + "/" + number + ".JPEG",
                number % 3,
                numbers(random, layout.momentValues()),
                image.length == 0 ? null : image,
                layout.tokens() == 0 ? null : numbers(random, layout.tokenValues()));
    }

    /** Writes shards of these sizes and their index. */
    public static ShardIndex write(Path folder, SampleLayout layout, int... sizes) throws IOException {
        List<ShardIndex.Entry> entries = new ArrayList<>();
        int number = 0;
        for (int s = 0; s < sizes.length; s++) {
            ShardBuilder builder = new ShardBuilder(layout);
            for (int i = 0; i < sizes[s]; i++) {
                builder.add(sample(layout, number++));
            }
            WrittenFile file = builder.write(folder.resolve(ShardIndex.fileName(s)), Map.of());
            entries.add(new ShardIndex.Entry(builder.size(), file.sha256()));
        }
        ShardIndex index = new ShardIndex(layout, Map.of("crop", "adm 256"), CLASSES, entries);
        index.write(folder);
        return index;
    }

    private static float[] numbers(Random random, int count) {
        float[] out = new float[count];
        for (int i = 0; i < count; i++) {
            out[i] = (float) random.nextGaussian();
        }
        return out;
    }
}
