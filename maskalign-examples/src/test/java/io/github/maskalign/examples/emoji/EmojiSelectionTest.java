package io.github.maskalign.examples.emoji;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Counts are those of the published files, version 2.2.378; a new version has to change them. */
class EmojiSelectionTest {
    private static final int ALL = Integer.MAX_VALUE;
    private static final EmojiSelection DEFAULT = select(EmojiConfig.ofSize(32));

    private static EmojiSelection select(EmojiConfig config) {
        return EmojiSelection.of(config, ALL, PublishedSets.byDefault());
    }

    /** Numbers of drawings, in the order of the default sets. */
    private static List<Integer> counts(EmojiSelection selection) {
        return EmojiConfig.DEFAULT_SETS.stream()
                .map(set -> (int) selection.entries().stream()
                        .filter(e -> e.set().equals(set))
                        .count())
                .toList();
    }

    private static Set<String> concepts(String set) {
        return DEFAULT.entries().stream()
                .filter(e -> e.set().equals(set))
                .map(EmojiEntry::concept)
                .collect(Collectors.toSet());
    }

    @Test
    void defaultTakesEachEmojiOfEachArtistOnce() {
        assertThat(counts(DEFAULT)).containsExactly(1663, 1256, 1586, 1609, 1001, 1144);
        assertThat(DEFAULT.entries()).doesNotHaveDuplicates();
        assertThat(DEFAULT.entries().stream().map(e -> e.set() + " " + e.concept()))
                .doesNotHaveDuplicates();
        assertThat(DEFAULT.icons().stream().map(Icon::name))
                .containsExactlyElementsOf(
                        DEFAULT.entries().stream().map(EmojiEntry::name).toList());
    }

    @Test
    void skinTonesAndFlagsComeWhenAskedFor() {
        List<String> sets = EmojiConfig.DEFAULT_SETS;

        assertThat(counts(select(new EmojiConfig(sets, 32, true, false))))
                .containsExactly(3553, 2146, 3131, 3399, 1001, 1569);
        assertThat(counts(select(new EmojiConfig(sets, 32, false, true))))
                .containsExactly(1672, 1272, 1594, 1878, 1026, 1409);
    }

    @Test
    void artistsShareMostEmoji() {
        List<String> sets = EmojiConfig.DEFAULT_SETS;
        int[][] shared = new int[sets.size()][sets.size()];
        for (int i = 0; i < sets.size(); i++) {
            for (int j = 0; j < sets.size(); j++) {
                Set<String> both = new HashSet<>(concepts(sets.get(i)));
                both.retainAll(concepts(sets.get(j)));
                shared[i][j] = both.size();
            }
        }

        assertThat(shared).isDeepEqualTo(new int[][] {
            {1663, 1243, 1586, 1606, 886, 1130},
            {1243, 1256, 1180, 1242, 882, 1139},
            {1586, 1180, 1586, 1541, 879, 1079},
            {1606, 1242, 1541, 1609, 886, 1131},
            {886, 882, 879, 886, 1001, 884},
            {1130, 1139, 1079, 1131, 884, 1144}
        });
    }

    @Test
    void labelsAreSpreadOverEightClasses() {
        Map<Integer, Long> counts =
                DEFAULT.entries().stream().collect(Collectors.groupingBy(EmojiEntry::label, Collectors.counting()));

        assertThat(counts)
                .isEqualTo(Map.of(0, 865L, 1, 1547L, 2, 773L, 3, 626L, 4, 1212L, 5, 433L, 6, 1407L, 7, 1396L));
    }

    @Test
    void drawingsOfOneConceptHaveOneLabel() {
        Map<String, Integer> labels = new HashMap<>();
        for (EmojiEntry entry : select(new EmojiConfig(EmojiConfig.DEFAULT_SETS, 32, true, true))
                .entries()) {
            Integer known = labels.putIfAbsent(entry.concept(), entry.label());
            assertThat(known == null || known == entry.label())
                    .as(entry.toString())
                    .isTrue();
        }
    }

    @Test
    void orderIsThatOfTheConfigsSetsThenOfNames() {
        EmojiSelection selection = select(new EmojiConfig(List.of("twemoji", "noto"), 32, false, false));

        List<String> keys = selection.entries().stream()
                .map(e -> (e.set().equals("twemoji") ? "0 " : "1 ") + e.name())
                .toList();
        assertThat(keys).isSorted();
        assertThat(selection.credits()).extracting(SetInfo::set).containsExactly("twemoji", "noto");
    }

    @Test
    void entriesOfASetDoNotDependOnTheOtherSets() {
        List<EmojiEntry> alone =
                select(new EmojiConfig(List.of("fxemoji"), 64, false, false)).entries();

        assertThat(alone)
                .isEqualTo(DEFAULT.entries().stream()
                        .filter(e -> e.set().equals("fxemoji"))
                        .toList());
    }

    @Test
    void limitTakesDrawingsFromTheWholeAlphabet() {
        EmojiSelection few = EmojiSelection.of(EmojiConfig.ofSize(32), 7, PublishedSets.byDefault());

        assertThat(counts(few)).containsOnly(7);
        assertThat(few.entries().stream()
                        .filter(e -> e.set().equals("noto"))
                        .map(e -> e.name().charAt(0)))
                .isSorted()
                .doesNotHaveDuplicates();
    }

    @Test
    void setThatWasNotReadIsRefused() {
        assertThatThrownBy(() -> EmojiSelection.of(EmojiConfig.ofSize(32), ALL, Map.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("but held noto");
    }
}
