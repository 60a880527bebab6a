package io.github.maskalign.core.data;

import io.github.maskalign.core.data.internal.PictureEncoder;
import io.github.maskalign.core.data.internal.SampleLayout;
import java.util.Map;
import java.util.TreeMap;

/**
 * How a set is prepared.
 *
 * @param side side of the crop in pixels, at least 1
 * @param shardPictures pictures of the source in each shard, at least 1; work that is lost when the process is killed
 * @param batch pictures encoded together, at least 1; changes no number but by rounding
 * @param threads threads that decode and crop, at least 1
 */
public record PreparePlan(int side, int shardPictures, int batch, int threads) {
    /** @throws IllegalArgumentException if a number is below 1 */
    public PreparePlan {
        require("side", side);
        require("shardPictures", shardPictures);
        require("batch", batch);
        require("threads", threads);
    }

    /** Returns everything that the content of a shard depends on, by name. */
    Map<String, String> settings(SampleLayout layout, PictureEncoder encoder, int pictures) {
        Map<String, String> out = new TreeMap<>(encoder.settings());
        out.put("crop", "adm " + side);
        out.put("shard_pictures", Integer.toString(shardPictures));
        out.put("source_pictures", Integer.toString(pictures));
        out.put("layout", layout.toString());
        return out;
    }

    private static void require(String name, int value) {
        if (value < 1) {
            throw new IllegalArgumentException(name + " must be at least 1 but was " + value);
        }
    }
}
