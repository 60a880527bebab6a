package io.github.maskalign.core.files.internal;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The stack and the memo of a pickle. Breaking their rules is an {@link IllegalStateException} with the reason. */
final class PickleStack {
    static final int MAX_VALUES = 1_000_000;

    private final List<TorchValue> values = new ArrayList<>();
    private final List<Integer> marks = new ArrayList<>();
    private final List<@Nullable TorchValue> memo = new ArrayList<>();

    void push(TorchValue value) {
        if (values.size() >= MAX_VALUES) {
            throw new IllegalStateException("the stack must have at most " + MAX_VALUES + " values");
        }
        values.add(value);
    }

    TorchValue pop() {
        requireValues(1);
        return values.remove(values.size() - 1);
    }

    TorchValue top() {
        requireValues(1);
        return values.get(values.size() - 1);
    }

    void mark() {
        if (marks.size() >= MAX_VALUES) {
            throw new IllegalStateException("the stack must have at most " + MAX_VALUES + " marks");
        }
        marks.add(values.size());
    }

    /** Removes and returns all values above the last mark, and the mark. */
    List<TorchValue> popToMark() {
        if (marks.isEmpty()) {
            throw new IllegalStateException("there is no mark on the stack");
        }
        List<TorchValue> above = values.subList(marks.remove(marks.size() - 1), values.size());
        List<TorchValue> popped = List.copyOf(above);
        above.clear();
        return popped;
    }

    /** Returns the value that is the whole stack. */
    TorchValue only() {
        if (values.size() != 1 || !marks.isEmpty()) {
            throw new IllegalStateException("one value must be left at the end but there are " + values.size() + " and "
                    + marks.size() + " marks");
        }
        return values.get(0);
    }

    /** Stores the top under a number. Files number in turn, so {@code limit}, the operations so far, is plenty. */
    void memorise(long index, long limit) {
        if (index > limit) {
            throw new IllegalStateException(
                    "the number of a stored value must be at most " + limit + " here but is " + index);
        }
        TorchValue value = top();
        while (memo.size() <= index) {
            memo.add(null);
        }
        memo.set((int) index, value);
    }

    /** Stores the top under the next number. */
    void memorise() {
        memo.add(top());
    }

    TorchValue recall(long index) {
        TorchValue value = index < memo.size() ? memo.get((int) index) : null;
        if (value == null) {
            throw new IllegalStateException("there is no stored value " + index);
        }
        return value;
    }

    private void requireValues(int count) {
        int below = marks.isEmpty() ? 0 : marks.get(marks.size() - 1);
        if (values.size() - below < count) {
            throw new IllegalStateException("there is no value on the stack");
        }
    }
}
