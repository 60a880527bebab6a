package io.github.maskalign.core.config;

import io.github.maskalign.core.config.YamlNode.Place;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
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
     * Reports what the record's constructor said: at the key that the sentence begins with, or else at the record.
     */
    private void addRefusal(String message, YamlNode.Mapping mapping, String path, Problems problems) {
        int end = 0;
        while (end < message.length()
                && (Character.isJavaIdentifierPart(message.charAt(end)) || message.charAt(end) == '.')) {
            end++;
        }
        String subject = message.substring(0, end);
        String key = subject.substring(subject.lastIndexOf('.') + 1);
        if (component(key).isPresent()) {
            Place place = mapping.get(key).map(YamlNode::place).orElse(mapping.place());
            problems.add(place, Problems.join(path, key), message.substring(end).stripLeading());
        } else {
            problems.add(mapping.place(), path, "is refused: " + message);
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
