package io.github.maskalign.core.config;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Identified;
import io.github.maskalign.core.config.ConfigKey.OneOf;
import io.github.maskalign.core.config.ConfigKey.Positive;
import io.github.maskalign.core.config.ConfigKey.Range;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class RecordReaderTest {
    record Mapped(Map<String, Integer> map) {}

    record Generic<T>(T value) {}

    record Holder(Generic<String> value) {}

    record Wild(List<? extends Number> values) {}

    record Self(Optional<Self> self) {}

    record Twice(Optional<Optional<Integer>> value) {}

    record RangedText(@Positive String text) {}

    record RangedFlag(@Range(min = 1) boolean flag) {}

    record ChosenNumber(@OneOf("1") int number) {}

    record NoWords(@OneOf({}) String word) {}

    record EmptyRange(@Range(min = 2, max = 1) int number) {}

    record EmptyPoint(@Positive @Range(max = 0) double number) {}

    record BadDefault(@Default("0") @Positive int steps) {}

    record BadText(@Default("12") String text) {}

    record Chars(char letter) {}

    enum Twins implements Identified {
        A,
        B;

        @Override
        public String id() {
            return "same";
        }
    }

    record Same(Twins twins) {}

    record Refuses(@Default("{low: 1}") Inner inner) {
        record Inner(int low) {
            Inner {
                throw new IllegalArgumentException("low is never right");
            }
        }
    }

    @Test
    void refusesTypesThatConfigsCannotHold() {
        String types = " must have a type that configs can hold (String, int, long, float, double, boolean, Path,"
                + " enums, records, and List and Optional of these) but has ";
        assertAuthorError(Mapped.class, "Mapped.map" + types + "java.util.Map<java.lang.String, java.lang.Integer>");
        assertAuthorError(Wild.class, "Wild.values" + types + "? extends java.lang.Number");
        assertAuthorError(Chars.class, "Chars.letter" + types + "char");
        assertAuthorError(
                Holder.class, "Holder.value" + types + RecordReaderTest.class.getName() + "$Generic<java.lang.String>");
        assertAuthorError(Generic.class, "a config must be a record without type parameters but was " + Generic.class);
        assertAuthorError(Self.class, "a config record must not contain itself but does: " + Self.class.getName());
        assertAuthorError(Twice.class, "Twice.value must not be an Optional of an Optional");
        assertAuthorError(Same.class, "the ids of Twins must be unique but two constants have \"same\"");
    }

    @Test
    void refusesLimitsThatDoNotFit() {
        assertAuthorError(RangedText.class, "RangedText.text must not have a range because it is a string");
        assertAuthorError(
                RangedFlag.class,
                "RangedFlag.flag must have no range and no @OneOf because it is neither a number nor a string");
        assertAuthorError(ChosenNumber.class, "ChosenNumber.number must not have @OneOf because it is of type integer");
        assertAuthorError(NoWords.class, "NoWords.word must allow some string but its @OneOf is empty");
        assertAuthorError(EmptyRange.class, "EmptyRange.number must allow some number but its range is empty");
        assertAuthorError(EmptyPoint.class, "EmptyPoint.number must allow some number but its range is empty");
    }

    @Test
    void refusesDefaultsThatDoNotBind() {
        assertAuthorError(BadDefault.class, "@Default of BadDefault.steps: steps must be an integer above 0 but was 0");
        assertAuthorError(
                BadText.class,
                "@Default of BadText.text: text must be a string but was 12 (an integer);"
                        + " put a string like this in quotes");
        assertAuthorError(Refuses.class, "@Default of Refuses.inner: inner.low is never right");
    }

    private static void assertAuthorError(Class<? extends Record> type, String message) {
        assertThatThrownBy(() -> RecordReader.read(type))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }
}
