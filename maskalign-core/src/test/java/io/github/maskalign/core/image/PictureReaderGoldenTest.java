package io.github.maskalign.core.image;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every pixel of every kind of file is the one that Pillow reads. */
class PictureReaderGoldenTest {
    static List<String> files() {
        return PictureCases.names();
    }

    static List<String> cutFiles() {
        return List.copyOf(PictureCases.cases().getAsJsonObject("cuts").keySet());
    }

    @ParameterizedTest
    @MethodSource("files")
    void pixelsAreThoseOfPillow(String name) throws Exception {
        JsonObject expected = PictureCases.cases().getAsJsonObject("files").getAsJsonObject(name);

        Picture picture = PictureReader.read(PictureCases.file(name), name);

        assertThat(PictureCases.describe(picture)).isEqualTo(PictureCases.describe(expected));
    }

    @ParameterizedTest
    @MethodSource("files")
    void uprightPixelsAreThoseOfPillow(String name) throws Exception {
        JsonObject expected = PictureCases.cases()
                .getAsJsonObject("files")
                .getAsJsonObject(name)
                .getAsJsonObject("upright");

        Picture picture = PictureReader.readUpright(PictureCases.file(name), name);

        assertThat(PictureCases.describe(picture)).isEqualTo(PictureCases.describe(expected));
    }

    @ParameterizedTest
    @MethodSource("cutFiles")
    void filesCutOffAreReadWherePillowReadsThem(String name) throws Exception {
        byte[] file = PictureCases.file(name);
        String whole = PictureCases.describe(PictureReader.read(file, name));
        JsonObject cuts = PictureCases.cases().getAsJsonObject("cuts").getAsJsonObject(name);
        int refused = 0;
        for (Map.Entry<String, JsonElement> cut : cuts.entrySet()) {
            String found;
            try {
                found = PictureCases.describe(
                        PictureReader.read(Arrays.copyOf(file, Integer.parseInt(cut.getKey())), name));
            } catch (PictureFormatException e) {
                found = "refused";
                refused++;
            }

            boolean pillowRefuses = cut.getValue().isJsonNull();
            // Pillow refuses a PNG that ends inside of a chunk behind the pixels; reading it does no harm
            assertThat(found)
                    .as("the first %s bytes of %d", cut.getKey(), file.length)
                    .isIn(pillowRefuses && !name.endsWith("png") ? List.of("refused") : List.of(whole, "refused"))
                    .isNotEqualTo(pillowRefuses ? "" : "refused");
        }
        assertThat(refused).isGreaterThan(cuts.size() / 2);
    }
}
