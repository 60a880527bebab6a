package io.github.maskalign.examples.emoji;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class EmojiGroupTest {
    private static final List<EmojiGroup> ALL = Arrays.asList(EmojiGroup.values());

    private static EmojiSelection select(List<EmojiGroup> groups) {
        return EmojiSelection.of(
                EmojiConfig.ofGroups(EmojiConfig.DEFAULT_SETS, 64, groups),
                Integer.MAX_VALUE,
                PublishedSets.byDefault());
    }

    @Test
    void groupsHoldWhatTheirNamesSay() {
        Map<Integer, List<String>> concepts = select(ALL).entries().stream()
                .collect(Collectors.groupingBy(
                        EmojiEntry::label, Collectors.mapping(EmojiEntry::concept, Collectors.toList())));

        assertThat(concepts.get(EmojiGroup.FACES.ordinal()))
                .contains("grinning-face", "star-struck", "sleeping-face")
                .doesNotContain("cat-face", "grinning-cat", "ghost", "smiling-face-with-horns", "full-moon-face");
        assertThat(concepts.get(EmojiGroup.HEARTS.ordinal()))
                .contains("red-heart", "two-hearts", "heart-with-arrow")
                .doesNotContain("smiling-face-with-heart-eyes", "heart-decoration", "smiling-cat-with-heart-eyes");
        assertThat(concepts.get(EmojiGroup.ANIMALS.ordinal()))
                .contains("cat-face", "panda", "frog")
                .doesNotContain("cat", "turtle", "rose");
        assertThat(concepts.get(EmojiGroup.FLAGS.ordinal()))
                .contains("flag-france")
                .doesNotContain("black-flag");
        assertThat(concepts.get(EmojiGroup.CLOCKS.ordinal()))
                .contains("one-oclock", "six-thirty")
                .doesNotContain("watch");
        assertThat(concepts.get(EmojiGroup.FRUIT.ordinal()))
                .contains("lemon")
                .doesNotContain("hamburger", "hot-pepper");
        assertThat(concepts.get(EmojiGroup.FLOWERS.ordinal()))
                .contains("sunflower")
                .doesNotContain("cactus");
        assertThat(concepts.get(EmojiGroup.CARS.ordinal())).contains("taxi").doesNotContain("train", "bus-stop");
        assertThat(concepts.get(EmojiGroup.MOONS.ordinal())).contains("crescent-moon", "full-moon-face");
        assertThat(concepts.get(EmojiGroup.ARROWS.ordinal()))
                .contains("right-arrow")
                .doesNotContain("soon-arrow");
        concepts.values().forEach(list -> assertThat(list).hasSizeGreaterThan(40));
    }

    @Test
    void labelsFollowTheOrderOfTheConfigAndOtherDrawingsAreLeftOut() {
        List<EmojiEntry> entries =
                select(List.of(EmojiGroup.FLAGS, EmojiGroup.FACES)).entries();

        assertThat(entries)
                .allMatch(entry -> entry.label() == 0 == entry.concept().startsWith("flag-"));
        assertThat(entries.stream().map(EmojiEntry::label).distinct()).containsExactlyInAnyOrder(0, 1);
    }

    @Test
    void unknownAndRepeatedNamesAreRefused() {
        assertThat(EmojiGroup.named("hearts")).isEqualTo(EmojiGroup.HEARTS);
        assertThatThrownBy(() -> EmojiGroup.named("smiles"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("data.classes must be among [faces, hearts,")
                .hasMessageContaining("\"smiles\"");
        assertThatThrownBy(() -> EmojiConfig.ofGroups(List.of("noto"), 64, List.of(EmojiGroup.FLAGS, EmojiGroup.FLAGS)))
                .hasMessageContaining("classes must name each group once but was [flags, flags]");
    }
}
