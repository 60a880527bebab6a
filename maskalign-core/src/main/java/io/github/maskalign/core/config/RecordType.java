package io.github.maskalign.core.config;

import io.github.maskalign.core.config.YamlNode.Place;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** A section: a record whose components are the keys. */
final class RecordType implements ConfigType {
    /**
     * A component of the record.
     *
     * @param accessor reads it
     * @param missing the value of a missing key; empty if the key is required
     */
    record Component(String name, ConfigType type, Accessor accessor, Optional<YamlNode> missing) {
        /** The same component of a record that is a component itself. */
        Component inside(Accessor outer) {
            return new Component(name, type, record -> accessor.of(outer.of(record)), missing);
        }
    }

    /** Reads a component of a record. */
    @FunctionalInterface
    interface Accessor {
        @Nullable
        Object of(@Nullable Object record) throws ReflectiveOperationException;
    }

    /** Makes a record of the values of its keys. */
    @FunctionalInterface
    interface Maker {
        Object of(@Nullable Object[] values) throws ReflectiveOperationException;
    }

    private final List<Component> components;
    private final Maker maker;

    RecordType(List<Component> components, Maker maker) {
        this.components = List.copyOf(components);
        this.maker = maker;
    }

    Maker maker() {
        return maker;
    }

    List<Component> components() {
        return components;
    }

    Optional<Component> component(String key) {
        return components.stream().filter(c -> c.name().equals(key)).findFirst();
    }

    List<String> keys() {
        return components.stream().map(Component::name).toList();
    }

    /** Returns every path below this one, sections included. */
    List<String> paths(String parent) {
        List<String> paths = new ArrayList<>();
        for (Component component : components) {
            String path = Problems.join(parent, component.name());
            paths.add(path);
            component.type().section().ifPresent(section -> paths.addAll(section.paths(path)));
        }
        return paths;
    }

    @Override
    public Optional<RecordType> section() {
        return Optional.of(this);
    }

    @Override
    public String describe() {
        return components.isEmpty() ? "a mapping without keys" : "a mapping with the keys " + String.join(", ", keys());
    }

    @Override
    public @Nullable Object bind(YamlNode node, String path, Problems problems) {
        if (node instanceof YamlNode.Broken) {
            problems.addFailure();
            return null;
        }
        if (!(node instanceof YamlNode.Mapping mapping)) {
            problems.addWrong(node, path, describe());
            return null;
        }
        int failuresBefore = problems.failures();
        Set<String> misspelt = new HashSet<>();
        for (YamlNode.Entry entry : mapping.entries()) {
            if (component(entry.key()).isEmpty()) {
                misspelt.add(problems.addUnknown(entry.place(), path, entry.key(), keys()));
            }
        }
        @Nullable Object[] values = new @Nullable Object[components.size()];
        for (int i = 0; i < values.length; i++) {
            Component component = components.get(i);
            String keyPath = Problems.join(path, component.name());
            Optional<YamlNode> given = mapping.get(component.name());
            Optional<YamlNode> value = given.isPresent() ? given : component.missing();
            if (value.isPresent()) {
                values[i] = component.type().bind(value.get(), keyPath, problems);
            } else if (!misspelt.contains(component.name())) {
                String allowed = component.type().describe();
                problems.add(mapping.place(), keyPath, "is missing; it must be " + allowed);
            }
        }
        return problems.failures() == failuresBefore ? construct(values, mapping, path, problems) : null;
    }

    private @Nullable Object construct(
            @Nullable Object[] values, YamlNode.Mapping mapping, String path, Problems problems) {
        try {
            return maker.of(values);
        } catch (InvocationTargetException e) {
            Throwable cause = e.getCause();
            if (cause instanceof IllegalArgumentException) {
                addRefusal(String.valueOf(cause.getMessage()), mapping, path, problems);
                return null;
            }
            if (cause instanceof RuntimeException unchecked) {
                throw unchecked;
            }
            if (cause instanceof Error error) {
                throw error;
            }
            throw new IllegalStateException("the record at '" + path + "' cannot be made", cause);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("the record at '" + path + "' cannot be made", e);
        }
    }

    /**
     * Reports what the record's constructor said: at the key that the sentence begins with, or else at the record. If that
     * key stands in the file but an option has set another one that the sentence names by key or word, the option is to
     * blame.
     */
    private void addRefusal(String message, YamlNode.Mapping mapping, String path, Problems problems) {
        List<String> named = Named.in(message);
        String subject = named.isEmpty() || !message.startsWith(named.get(0)) ? "" : named.get(0);
        boolean inside = subject.contains(".") && section(subject).isPresent();
        String key = inside ? subject : subject.substring(subject.lastIndexOf('.') + 1);
        boolean known = inside || component(key).isPresent();
        Optional<Place> own = known ? placeOf(mapping, key) : Optional.empty();
        Place place = own.filter(Place::isOption)
                .or(() -> named.stream()
                        .flatMap(name -> placeOf(mapping, name).filter(Place::isOption).stream())
                        .findFirst())
                .or(() -> mapping.entries().stream()
                        .filter(entry -> entry.value().place().isOption() && Named.wordOf(entry.value(), message))
                        .map(YamlNode.Entry::place)
                        .findFirst())
                .or(() -> own)
                .orElse(mapping.place());
        if (known) {
            problems.add(
                    place,
                    Problems.join(path, key),
                    message.substring(subject.length()).stripLeading());
        } else {
            problems.add(place, path, "is refused: " + message);
        }
    }

    /** Returns the component that a dotted path leads to. */
    private Optional<Component> section(String path) {
        int dot = path.indexOf('.');
        return dot < 0
                ? component(path)
                : component(path.substring(0, dot))
                        .flatMap(part -> part.type().section())
                        .flatMap(part -> part.section(path.substring(dot + 1)));
    }

    /** Returns where the value of a dotted path stands. */
    private static Optional<Place> placeOf(YamlNode.Mapping mapping, String path) {
        int dot = path.indexOf('.');
        Optional<YamlNode> value = mapping.get(dot < 0 ? path : path.substring(0, dot));
        if (dot < 0) {
            return value.map(YamlNode::place);
        }
        return value.filter(YamlNode.Mapping.class::isInstance)
                .flatMap(section -> placeOf((YamlNode.Mapping) section, path.substring(dot + 1)));
    }

    /** The keys that a sentence may name. */
    static final class Named {
        private static final Pattern WORD = Pattern.compile("[A-Za-z][A-Za-z0-9]*(?:\\.[A-Za-z][A-Za-z0-9]*)*");
        private static final Pattern KEY = Pattern.compile(".*([.]|[a-z][A-Z]).*");

        private Named() {}

        /** Whether a sentence has the word that a node is, such as {@code LATENTS}. */
        static boolean wordOf(YamlNode node, String sentence) {
            return node instanceof YamlNode.Scalar scalar
                    && scalar.kind() == YamlNode.Kind.STRING
                    && WORD.matcher(sentence)
                            .results()
                            .anyMatch(word -> word.group().equalsIgnoreCase(scalar.text()));
        }

        /** Returns what looks like a key, and the first word, in their order. */
        static List<String> in(String sentence) {
            List<String> words =
                    WORD.matcher(sentence).results().map(MatchResult::group).toList();
            return IntStream.range(0, words.size())
                    .filter(i -> i == 0 || KEY.matcher(words.get(i)).matches())
                    .mapToObj(words::get)
                    .toList();
        }
    }

    @Override
    public YamlNode write(@Nullable Object value, String path) {
        List<YamlNode.Entry> entries = new ArrayList<>();
        for (Component component : components) {
            Object part;
            try {
                part = component.accessor().of(ConfigType.given(value, path));
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException(component.name() + " cannot be read", e);
            }
            YamlNode written = component.type().write(part, Problems.join(path, component.name()));
            entries.add(new YamlNode.Entry(WRITTEN, component.name(), written));
        }
        return new YamlNode.Mapping(WRITTEN, entries);
    }
}
