package io.github.maskalign.examples.judge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.random.Draws;
import io.github.maskalign.examples.emoji.EmojiConfig;
import io.github.maskalign.examples.emoji.EmojiSet;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Draws two sets: some ten seconds. */
@Tag("slow")
class LabelledDrawingsTest {
    private static final List<String> SETS = List.of("noto-v1", "fxemoji");

    @TempDir
    Path cache;

    @Test
    void drawingsAndLabelsFollowFromThePositionAlone() throws Exception {
        EmojiSet pictures = EmojiSet.open(new EmojiConfig(SETS, 64, false, false), cache, (done, total) -> {});
        LabelledDrawings drawings = new LabelledDrawings(pictures, SETS, 4, 0.0, new Draws(3));
        LabelledDrawings still = new LabelledDrawings(pictures, SETS, 0, 0.0, new Draws(3));
        int picture = pictures.pictureBytes();

        byte[] together = drawings.batch(10, 4).pictures();
        byte[] moved = drawings.batch(11, 1).pictures();
        byte[] own = still.batch(11, 1).pictures();
        long[] labels = drawings.batch(10, 4).labels();

        assertThat(Arrays.copyOfRange(together, picture, 2 * picture)).isEqualTo(moved);
        assertThat(drawings.batch(11, 1).labels()).isEqualTo(Arrays.copyOfRange(labels, 4, 8));
        // the drawing, as it was, at one of the 9 × 9 places
        assertThat(matches(own, moved)).isEqualTo(1);
        assertThat(pictures.entries().stream()
                        .anyMatch(entry -> entry.label() == labels[1]
                                && SETS.get((int) labels[2]).equals(entry.set())))
                .isTrue();
        assertThat(labels[0]).isBetween(0L, drawings.classes()[0] - 1L);
        assertThat(drawings.classes()).endsWith(8, 2, Damage.CLASSES);
        assertThat(drawings.size()).isGreaterThanOrEqualTo(2 * drawings.classes()[0]);
        assertThatThrownBy(() -> new LabelledDrawings(pictures, List.of("fxemoji"), 4, 0.5, new Draws(3)))
                .hasMessage("no emoji was drawn by two of the sets [fxemoji]");
    }

    private static int matches(byte[] own, byte[] moved) {
        int found = 0;
        for (int down = -4; down <= 4; down++) {
            for (int right = -4; right <= 4; right++) {
                boolean same = true;
                for (int i = 0; same && i < moved.length; i++) {
                    int x = i % 64 - right;
                    int y = i / 64 % 64 - down;
                    boolean inside = x >= 0 && x < 64 && y >= 0 && y < 64;
                    same = moved[i] == (inside ? own[i - down * 64 - right] : (byte) 255);
                }
                found += same ? 1 : 0;
            }
        }
        return found;
    }
}
