package io.github.maskalign.core.random;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.random.Draws.RandomStream;
import io.github.maskalign.core.random.internal.SplitMix64;
import io.github.maskalign.core.random.internal.SplitMix64.Ziggurat;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** All numbers equal those that {@code scripts/golden/draws_cases.py} makes from the definitions: a resumed run needs them. */
class DrawsGoldenTest {
    private JsonObject golden;

    @BeforeEach
    void read() throws Exception {
        try (Reader in = new InputStreamReader(
                Objects.requireNonNull(DrawsGoldenTest.class.getResourceAsStream("/golden/draws/draws.json")),
                StandardCharsets.UTF_8)) {
            golden = JsonParser.parseReader(in).getAsJsonObject();
        }
    }

    @Test
    void streamsKeepTheirNumbers() {
        Map<String, Integer> expected = new LinkedHashMap<>();
        golden.getAsJsonObject("streams")
                .entrySet()
                .forEach(e -> expected.put(e.getKey(), e.getValue().getAsInt()));
        expected.put("FLIP", 13); // younger than the reference
        expected.put("PATH_DROP", 15);
        expected.put("FEATURE_DROP", 17);
        expected.put("TEACHER_TIME", 20);
        expected.put("SAMPLE_SUBSET", 21);
        expected.put("MASKED_NOISE", 24);
        expected.put("MASKED_LABEL_DROP", 25);
        Map<String, Integer> found = new LinkedHashMap<>();
        for (RandomStream stream : RandomStream.values()) {
            found.put(stream.name(), stream.id());
        }

        assertThat(found).containsExactlyInAnyOrderEntriesOf(expected);
        assertThat(found.values()).doesNotHaveDuplicates();
    }

    @Test
    void everyKindOfNumberIsTheOneOfTheDefinition() {
        int[] bounds = ints(golden.getAsJsonArray("bounds"));
        for (JsonElement element : golden.getAsJsonArray("cases")) {
            JsonObject drawn = element.getAsJsonObject();
            Place place = Place.of(drawn);

            long[] longs = longs(drawn);
            SplitMix64 random = place.start();
            assertThat(LongStream.generate(random::nextLong).limit(longs.length))
                    .as("%s", place)
                    .containsExactly(boxed(longs));
            int[] ints = ints(drawn.getAsJsonArray("ints"));
            SplitMix64 whole = place.start();
            assertThat(IntStream.generate(whole::nextInt).limit(ints.length).toArray())
                    .as("%s", place)
                    .containsExactly(ints);
            SplitMix64 bounded = place.start();
            assertThat(IntStream.of(bounds)
                            .flatMap(bound -> IntStream.generate(() -> bounded.nextInt(bound))
                                    .limit(3))
                            .toArray())
                    .as("%s", place)
                    .containsExactly(ints(drawn.getAsJsonArray("bounded")));
            double[] doubles = doubles(drawn.getAsJsonArray("doubles"));
            SplitMix64 uniform = place.start();
            assertThat(DoubleStream.generate(uniform::nextDouble)
                            .limit(doubles.length)
                            .toArray())
                    .as("%s", place)
                    .containsExactly(doubles);
            double[] gaussians = doubles(drawn.getAsJsonArray("gaussians"));
            SplitMix64 normal = place.start();
            assertThat(DoubleStream.generate(normal::nextGaussian)
                            .limit(gaussians.length)
                            .toArray())
                    .as("%s", place)
                    .containsExactly(gaussians);
        }
    }

    @Test
    void rowsAreTheNumbersOfTheirPositions() {
        for (JsonElement element : golden.getAsJsonArray("cases")) {
            JsonObject drawn = element.getAsJsonObject();
            Place place = Place.of(drawn);
            double[] gaussians = doubles(drawn.getAsJsonArray("gaussians"));
            int width = gaussians.length;
            float[] expected = new float[width];
            for (int k = 0; k < width; k++) {
                expected[k] = (float) gaussians[k];
            }

            float[] rows = new Draws(place.seed()).normal(place.stream(), place.position() - 1, 3, width);
            float[] uniform = new Draws(place.seed()).uniform(place.stream(), place.position() - 1, 3);

            float[] row = new float[width];
            System.arraycopy(rows, width, row, 0, width);
            assertThat(row).as("%s", place).containsExactly(expected);
            assertThat(uniform[1]).as("%s", place).isEqualTo((longs(drawn)[0] >>> 40) * 0x1p-24f);
        }
    }

    @Test
    void layersAreThoseComputedApart() {
        JsonObject layers = golden.getAsJsonObject("layers");

        assertThat(Ziggurat.widths()).containsExactly(doubles(layers.getAsJsonArray("widths")));
        assertThat(Ziggurat.rises()).containsExactly(doubles(layers.getAsJsonArray("rises")));
    }

    @Test
    void longRunThroughAllLayersAndTheTailIsTheSame() throws Exception {
        JsonObject run = golden.getAsJsonObject("long");
        SplitMix64 random = new SplitMix64(run.get("seed").getAsLong());
        ByteBuffer bytes = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        List<Double> numbers = new ArrayList<>();
        for (int i = 0; i < run.get("count").getAsInt(); i++) {
            double value = random.nextGaussian();
            numbers.add(value);
            digest.update(bytes.putDouble(0, value).array());
        }

        for (JsonElement element : run.getAsJsonArray("tails")) {
            JsonObject tail = element.getAsJsonObject();
            int index = tail.get("index").getAsInt();
            assertThat(numbers.get(index))
                    .as("number %d", index)
                    .isEqualTo(Double.parseDouble(tail.get("value").getAsString()));
        }
        assertThat(HexFormat.of().formatHex(digest.digest()))
                .isEqualTo(run.get("sha256").getAsString());
    }

    private record Place(long seed, RandomStream stream, long position) {
        static Place of(JsonObject drawn) {
            return new Place(
                    drawn.get("seed").getAsLong(),
                    RandomStream.valueOf(drawn.get("stream").getAsString()),
                    drawn.get("position").getAsLong());
        }

        SplitMix64 start() {
            return new Draws(seed).at(stream, position);
        }
    }

    private static long[] longs(JsonObject drawn) {
        return StreamSupport.stream(drawn.getAsJsonArray("longs").spliterator(), false)
                .mapToLong(e -> Long.parseUnsignedLong(e.getAsString(), 16))
                .toArray();
    }

    private static Long[] boxed(long[] values) {
        return LongStream.of(values).boxed().toArray(Long[]::new);
    }

    private static int[] ints(JsonArray array) {
        return StreamSupport.stream(array.spliterator(), false)
                .mapToInt(JsonElement::getAsInt)
                .toArray();
    }

    private static double[] doubles(JsonArray array) {
        return StreamSupport.stream(array.spliterator(), false)
                .mapToDouble(e -> Double.parseDouble(e.getAsString()))
                .toArray();
    }
}
