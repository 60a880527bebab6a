package io.github.maskalign.core.config;

import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Inline;
import io.github.maskalign.core.config.ConfigKey.NonNegative;
import io.github.maskalign.core.config.ConfigKey.OneOf;
import io.github.maskalign.core.config.ConfigKey.Order;
import io.github.maskalign.core.config.ConfigKey.Positive;
import io.github.maskalign.core.config.ConfigKey.Range;
import io.github.maskalign.core.config.ConfigType.Interval;
import io.github.maskalign.core.config.YamlNode.Found;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reads the types of config records. What is wrong with a record is its author's mistake, found at the first use,
 * and an {@link IllegalArgumentException}.
 */
final class RecordReader {
    private static final String SUPPORTED =
            "String, int, long, float, double, boolean, Path, enums, records, and List" + " and Optional of these";

    /** The records that are being read, the outermost last. */
    private final Deque<Class<?>> open = new ArrayDeque<>();

    private RecordReader() {}

    static RecordType read(Class<?> type) {
        return new RecordReader().record(type);
    }

    private RecordType record(Class<?> type) {
        if (!type.isRecord() || type.getTypeParameters().length > 0) {
            throw new IllegalArgumentException("a config must be a record without type parameters but was " + type);
        }
        if (open.contains(type)) {
            throw new IllegalArgumentException("a config record must not contain itself but does: " + type.getName());
        }
        open.push(type);
        List<RecordType.Component> keys = new ArrayList<>();
        List<Part> parts = new ArrayList<>();
        List<Class<?>> parameters = new ArrayList<>();
        for (RecordComponent component : type.getRecordComponents()) {
            parameters.add(component.getType());
            if (component.isAnnotationPresent(Inline.class)) {
                RecordType inner = record(component.getType());
                RecordType.Accessor outer = accessor(component);
                parts.add(new Part(keys.size(), inner.components().size(), inner.maker()));
                inner.components().forEach(key -> keys.add(key.inside(outer)));
            } else {
                parts.add(new Part(keys.size(), 1, values -> values[0]));
                keys.add(component(component));
            }
        }
        open.pop();
        requireUnique(keys, type);
        try {
            Constructor<?> constructor = type.getDeclaredConstructor(parameters.toArray(new Class<?>[0]));
            constructor.setAccessible(true);
            return ordered(type, keys, values -> {
                @Nullable Object[] arguments = new @Nullable Object[parts.size()];
                for (int i = 0; i < arguments.length; i++) {
                    arguments[i] = parts.get(i).of(values);
                }
                return constructor.newInstance(arguments);
            });
        } catch (NoSuchMethodException e) {
            throw new IllegalStateException(type + " has no canonical constructor", e);
        }
    }

    /** The keys in the order that the record asks for, and its maker for values in that order. */
    private static RecordType ordered(Class<?> type, List<RecordType.Component> keys, RecordType.Maker maker) {
        Order order = type.getAnnotation(Order.class);
        if (order == null) {
            return new RecordType(keys, maker);
        }
        List<String> names = List.of(order.value());
        List<RecordType.Component> sorted = new ArrayList<>(keys);
        sorted.sort(Comparator.comparing(key -> names.indexOf(key.name())));
        if (!names.equals(sorted.stream().map(RecordType.Component::name).toList())) {
            throw new IllegalArgumentException("@Order of " + type.getSimpleName() + " must name its keys, "
                    + keys.stream().map(RecordType.Component::name).toList() + ", but names " + names);
        }
        return new RecordType(sorted, values -> {
            @Nullable Object[] inPlace = new @Nullable Object[values.length];
            for (int i = 0; i < inPlace.length; i++) {
                inPlace[i] = values[sorted.indexOf(keys.get(i))];
            }
            return maker.of(inPlace);
        });
    }

    /** One component of a record: the value of a key, or an inlined record over several. */
    private record Part(int first, int count, RecordType.Maker maker) {
        @Nullable
        Object of(@Nullable Object[] values) throws ReflectiveOperationException {
            return maker.of(Arrays.copyOfRange(values, first, first + count));
        }
    }

    private static void requireUnique(List<RecordType.Component> keys, Class<?> type) {
        Set<String> names = new HashSet<>();
        for (RecordType.Component key : keys) {
            if (!names.add(key.name())) {
                throw new IllegalArgumentException(
                        "the keys of " + type.getSimpleName() + " must be unique but two are " + key.name());
            }
        }
    }

    private static RecordType.Accessor accessor(RecordComponent component) {
        Method method = component.getAccessor();
        method.setAccessible(true);
        return method::invoke;
    }

    private RecordType.Component component(RecordComponent component) {
        String where = component.getDeclaringRecord().getSimpleName() + "." + component.getName();
        ConfigType type = type(component.getGenericType(), Limits.of(component, where), where);
        if (component.getAnnotatedType().isAnnotationPresent(Nullable.class)) {
            type = new ConfigType.OrNull(type, false);
        }
        return new RecordType.Component(
                component.getName(), type, accessor(component), missing(component, type, where));
    }

    private static Optional<YamlNode> missing(RecordComponent component, ConfigType type, String where) {
        Default value = component.getAnnotation(Default.class);
        if (value == null) {
            return Optional.empty();
        }
        String source = "@Default of " + where;
        Problems problems = new Problems(source, List.of());
        YamlNode node = YamlLoader.value(value.value(), source, problems);
        type.bind(node, component.getName(), problems);
        try {
            problems.throwIfAny();
        } catch (ConfigException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
        return Optional.of(node);
    }

    private ConfigType type(Type type, Limits limits, String where) {
        if (type instanceof ParameterizedType generic) {
            Type argument = generic.getActualTypeArguments()[0];
            if (generic.getRawType() == List.class) {
                return new ConfigType.ListOf(type(argument, limits, where));
            }
            if (generic.getRawType() == Optional.class) {
                ConfigType value = type(argument, limits, where);
                if (value instanceof ConfigType.OrNull) {
                    throw new IllegalArgumentException(where + " must not be an Optional of an Optional");
                }
                return new ConfigType.OrNull(value, true);
            }
        }
        if (type == int.class || type == Integer.class || type == long.class || type == Long.class) {
            return new ScalarType.Whole(type == long.class || type == Long.class, limits.interval("integer", where));
        }
        if (type == double.class || type == Double.class || type == float.class || type == Float.class) {
            return new ScalarType.Real(type == double.class || type == Double.class, limits.interval("number", where));
        }
        if (type == String.class) {
            return new ScalarType.Text(limits.strings(where));
        }
        limits.requireNone(where);
        if (type == boolean.class || type == Boolean.class) {
            return new ScalarType.Bool();
        }
        if (type == Path.class) {
            return new ScalarType.FilePath();
        }
        if (type instanceof Class<?> named && named.isEnum()) {
            return choice(named);
        }
        if (type instanceof Class<?> named && named.isRecord()) {
            return record(named);
        }
        throw new IllegalArgumentException(
                where + " must have a type that configs can hold (" + SUPPORTED + ") but has " + type.getTypeName());
    }

    private static ScalarType.Choice choice(Class<?> type) {
        Map<String, Enum<?>> constants = new LinkedHashMap<>();
        for (Object constant : type.getEnumConstants()) {
            String spelling = ScalarType.Choice.spelling((Enum<?>) constant);
            if (constants.put(spelling, (Enum<?>) constant) != null) {
                throw new IllegalArgumentException("the ids of " + type.getSimpleName()
                        + " must be unique but two constants have " + Found.quoted(spelling));
            }
        }
        return new ScalarType.Choice(constants);
    }

    /**
     * What the annotations of a component allow.
     *
     * @param isNumeric whether there is an annotation for numbers
     * @param strings the allowed strings; empty without {@link OneOf}
     */
    private record Limits(Interval interval, boolean isNumeric, List<String> strings) {
        static Limits of(RecordComponent component, String where) {
            Range range = component.getAnnotation(Range.class);
            Interval interval = range == null
                    ? Interval.ALL
                    : new Interval(range.min(), range.minExclusive(), range.max(), range.maxExclusive());
            boolean positive = component.isAnnotationPresent(Positive.class);
            boolean nonNegative = component.isAnnotationPresent(NonNegative.class);
            if (positive || nonNegative) {
                interval = interval.and(new Interval(0, positive, Double.POSITIVE_INFINITY, false));
            }
            if (interval.isEmpty()) {
                throw new IllegalArgumentException(where + " must allow some number but its range is empty");
            }
            OneOf oneOf = component.getAnnotation(OneOf.class);
            if (oneOf != null && oneOf.value().length == 0) {
                throw new IllegalArgumentException(where + " must allow some string but its @OneOf is empty");
            }
            List<String> strings = oneOf == null ? List.of() : Arrays.asList(oneOf.value());
            return new Limits(interval, range != null || positive || nonNegative, List.copyOf(strings));
        }

        Interval interval(String type, String where) {
            if (!strings.isEmpty()) {
                throw new IllegalArgumentException(where + " must not have @OneOf because it is of type " + type);
            }
            return interval;
        }

        List<String> strings(String where) {
            if (isNumeric) {
                throw new IllegalArgumentException(where + " must not have a range because it is a string");
            }
            return strings;
        }

        void requireNone(String where) {
            if (isNumeric || !strings.isEmpty()) {
                throw new IllegalArgumentException(
                        where + " must have no range and no @OneOf because it is neither a number nor a string");
            }
        }
    }
}
