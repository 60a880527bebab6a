package io.github.maskalign.encoders.published;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.encoders.published.NativeEncoder.EncoderName;
import io.github.maskalign.encoders.vit.Vit.VitParts.Positions;
import io.github.maskalign.encoders.vit.VitConfig;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Shapes of published sizes and the heads that they have in timm 1.0.31, which no tensor tells. */
class PublishedGeometryTest {
    @ParameterizedTest
    @CsvSource({
        "dinov3-vit-s,      384,   0,     16, 1536,  6, 0",
        "dinov3-vit-b,      768,   0,     16, 3072, 12, 0",
        "dinov3-vit-hplus,  1280,  0,     16, 5120, 20, 0",
        "dinov3-vit-7b,     4096,  0,     16, 8192, 32, 0",
        "dinov3sat-vit-l,   1024,  0,     16, 4096, 16, 0",
        "siglip2-vit-b,     768,   64,    32, 3072, 12, 12",
        "siglip2-vit-so400m, 1152, 256,   14, 4304, 16, 16",
        "siglip2-vit-g,     1536,  256,   16, 6144, 16, 16",
        "pe-core-vit-t,     192,   577,   16,  768,  3, 0",
        "pe-core-vit-l,     1024,  577,   14, 4096, 16, 0",
        "pe-core-vit-g,     1536,  1024,  14, 8960, 16, 8",
        "pe-spatial-vit-g,  1536,  1024,  14, 8960, 16, 0",
        "c-radio-vit-b,     768,   16384, 16, 3072, 12, 0",
        "c-radio-vit-so400m, 1152, 16384, 16, 4304, 16, 0",
        "c-radio-vit-h,     1280,  16384, 16, 5120, 16, 0",
        "c-radio-vit-g,     1536,  16384, 16, 6144, 24, 0",
        "dinov2-vit-g,      1536,  1370,  14, 4096, 24, 0",
        "mocov3-vit-s,      384,   197,   16, 1536, 12, 0",
        "jepa-vit-h,        1280,  256,   14, 5120, 16, 0",
        "mae-vit-h,         1280,  257,   14, 5120, 16, 0",
        "clip-vit-h,        1280,  257,   14, 5120, 16, 0",
        "mae-vit-l,         1024,  197,   16, 4096, 16, 0",
        "clip-vit-l,        1024,  257,   14, 4096, 16, 0"
    })
    void headsFollowFromTheWidth(String name, int width, int rows, int patch, int hidden, int heads, int poolHeads)
            throws Exception {
        EncoderName encoder = EncoderName.parse(name);
        Map<String, TensorSource> tensors = new LinkedHashMap<>();
        boolean classToken = rows == 577
                || rows == 1370
                || rows == 197
                || rows == 257
                || encoder.family().isDinov3();
        if (classToken || name.startsWith("c-radio")) {
            put(tensors, "cls_token", 1, 1, width);
        }
        if (rows > 0) {
            put(tensors, "pos_embed", 1, rows, width);
        }
        put(tensors, "patch_embed.proj.weight", width, 3, patch, patch);
        put(tensors, "blocks.0.norm1.weight", width);
        put(tensors, "blocks.0.mlp.fc2.weight", width, hidden);
        if (poolHeads > 0) {
            put(tensors, "attn_pool.mlp.fc1.weight", 4 * width, width);
        }

        VitConfig config = PublishedGeometry.of(tensors, encoder.family(), 0, Positions.ANTIALIAS, "file");

        assertThat(encoder.width()).hasValue(width);
        assertThat(config.width()).isEqualTo(width);
        assertThat(config.heads()).isEqualTo(heads);
        assertThat(config.hidden()).isEqualTo(hidden);
        assertThat(config.parts().pooling().heads()).isEqualTo(poolHeads);
        assertThat(config.parts().pooling().hidden()).isEqualTo(poolHeads > 0 ? 4 * width : 0);
        if (rows > 0) {
            int first = config.parts().classToken() && !name.startsWith("c-radio") ? 1 : 0;
            assertThat(config.grid() * config.grid() + first).isEqualTo(rows);
        }
    }

    /** OpenCLIP's g and bigG, whose letter stands for other widths elsewhere; their heads are 88 and 104 numbers wide. */
    @ParameterizedTest
    @CsvSource({"1408, 6144", "1664, 8192"})
    void theLargestOfClipHaveSixteenHeads(int width, int hidden) throws Exception {
        Map<String, TensorSource> tensors = new LinkedHashMap<>();
        put(tensors, "cls_token", 1, 1, width);
        put(tensors, "pos_embed", 1, 257, width);
        put(tensors, "patch_embed.proj.weight", width, 3, 14, 14);
        put(tensors, "blocks.0.norm1.weight", width);
        put(tensors, "blocks.0.mlp.fc2.weight", width, hidden);

        VitConfig clip =
                PublishedGeometry.of(tensors, EncoderName.parse("clip").family(), 0, Positions.ANTIALIAS, "file");
        VitConfig given =
                PublishedGeometry.of(tensors, EncoderName.parse("clip").family(), 8, Positions.ANTIALIAS, "file");

        assertThat(clip.heads()).isEqualTo(16);
        assertThat(given.heads()).isEqualTo(8);
    }

    private static void put(Map<String, TensorSource> tensors, String name, long... shape) {
        tensors.put(name, new Blank(TensorType.F32, new Shape(shape)));
    }
}
