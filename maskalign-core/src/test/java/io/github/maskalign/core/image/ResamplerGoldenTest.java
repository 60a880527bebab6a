package io.github.maskalign.core.image;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.maskalign.core.image.Resampler.CentreCrop;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Resized and cropped pictures are Pillow's, byte for byte. */
class ResamplerGoldenTest {
    static Stream<JsonObject> resizes() {
        return cases("resizes");
    }

    static Stream<JsonObject> crops() {
        return cases("crops");
    }

    @ParameterizedTest
    @MethodSource("resizes")
    void resizedPixelsAreThoseOfPillow(JsonObject golden) {
        Resampler filter = Resampler.valueOf(golden.get("filter").getAsString());

        Picture resized = filter.resize(
                source(golden),
                golden.get("width").getAsInt(),
                golden.get("height").getAsInt());

        assertThat(PictureCases.describe(resized)).isEqualTo(PictureCases.describe(golden));
    }

    @ParameterizedTest
    @MethodSource("crops")
    void admCropsAreThoseOfPillow(JsonObject golden) {
        Picture cropped = CentreCrop.adm(source(golden), golden.get("size").getAsInt());

        assertThat(PictureCases.describe(cropped)).isEqualTo(PictureCases.describe(golden));
    }

    private static Picture source(JsonObject golden) {
        return PictureCases.formula(
                golden.getAsJsonArray("from").get(0).getAsInt(),
                golden.getAsJsonArray("from").get(1).getAsInt());
    }

    private static Stream<JsonObject> cases(String name) {
        return StreamSupport.stream(PictureCases.cases().getAsJsonArray(name).spliterator(), false)
                .map(JsonElement::getAsJsonObject);
    }
}
