package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.internal.PickleObjects.KnownNames;
import io.github.maskalign.core.files.internal.TensorRebuild.Storages.StorageRecord;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a checkpoint holds, as plain data. Containers are equal only to themselves; one may stand at several places, but
 * never inside itself.
 */
public sealed interface TorchValue {
    /** A tensor; its file must be open when it is read. */
    record Tensor(TensorSource source) implements TorchValue {}

    // Keys of dicts are comparable, so that keys made to have one hash code do not make a dict slow.

    /** A {@code str}. */
    record Text(String value) implements TorchValue, Comparable<Text> {
        @Override
        public int compareTo(Text other) {
            return value.compareTo(other.value);
        }
    }

    /** An {@code int}, as large as it may be. */
    record Whole(BigInteger value) implements TorchValue, Comparable<Whole> {
        @Override
        public int compareTo(Whole other) {
            return value.compareTo(other.value);
        }
    }

    /** A {@code float}. */
    record Real(double value) implements TorchValue, Comparable<Real> {
        @Override
        public int compareTo(Real other) {
            return Double.compare(value, other.value);
        }
    }

    /** A {@code bool}. */
    record Bool(boolean value) implements TorchValue {}

    /** The value {@code None}. */
    record None() implements TorchValue {}

    /** A {@code list}. */
    final class Sequence implements TorchValue {
        private final List<TorchValue> items = new ArrayList<>(0);

        Sequence() {}

        void add(TorchValue item) {
            items.add(item);
        }

        /** Returns the items in order. */
        public List<TorchValue> items() {
            return Collections.unmodifiableList(items);
        }
    }

    /** A {@code tuple}, also a {@code torch.Size}. */
    final class Tuple implements TorchValue {
        private final List<TorchValue> items;

        Tuple(List<TorchValue> items) {
            this.items = List.copyOf(items);
        }

        /** Returns the items in order. */
        public List<TorchValue> items() {
            return items;
        }
    }

    /** A {@code dict} or {@code OrderedDict}, in its order. Keys are mostly text and whole numbers. */
    final class Dict implements TorchValue {
        private static final Map<TorchValue, TorchValue> EMPTY = Map.of();

        private Map<TorchValue, TorchValue> entries = EMPTY;

        Dict() {}

        void put(TorchValue key, TorchValue value) {
            if (entries == EMPTY) {
                entries = new LinkedHashMap<>();
            }
            entries.put(key, value);
        }

        /** Returns all entries in order. */
        public Map<TorchValue, TorchValue> entries() {
            return Collections.unmodifiableMap(entries);
        }

        /** Returns the value of a text key. */
        public Optional<TorchValue> get(String key) {
            return Optional.ofNullable(entries.get(new Text(key)));
        }
    }

    /** An object of some class, of which only the name was read. It was not created, and its content was skipped. */
    final class Opaque implements TorchValue {
        private final String className;
        private final @Nullable Object meaning;

        Opaque(String className) {
            this(className, null);
        }

        Opaque(String className, @Nullable Object meaning) {
            this.className = className;
            this.meaning = meaning;
        }

        /** Returns the class with its module, such as {@code argparse.Namespace}. */
        public String className() {
            return className;
        }

        /** What the name means to the reader: a {@link KnownNames.Meaning} or a {@link StorageRecord}. */
        @Nullable
        Object meaning() {
            return meaning;
        }

        @Override
        public String toString() {
            return "Opaque[" + className + "]";
        }
    }
}
