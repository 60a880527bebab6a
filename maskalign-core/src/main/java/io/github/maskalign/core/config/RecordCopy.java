package io.github.maskalign.core.config;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.Map;
import java.util.TreeSet;

/** Copies of records that differ in some components. */
public final class RecordCopy {
    private RecordCopy() {}

    /**
     * Returns the record that has the given values, and those of {@code record} elsewhere.
     *
     * @param changes component names to values
     * @throws IllegalArgumentException if a name is no component, or as the record's constructor throws it
     */
    public static <R extends Record> R with(R record, Map<String, ?> changes) {
        RecordComponent[] components = record.getClass().getRecordComponents();
        Class<?>[] types = new Class<?>[components.length];
        Object[] values = new Object[components.length];
        TreeSet<String> unknown = new TreeSet<>(changes.keySet());
        try {
            for (int i = 0; i < components.length; i++) {
                String name = components[i].getName();
                types[i] = components[i].getType();
                values[i] = unknown.remove(name)
                        ? changes.get(name)
                        : components[i].getAccessor().invoke(record);
            }
            if (!unknown.isEmpty()) {
                throw new IllegalArgumentException(record.getClass().getSimpleName() + " has no " + unknown);
            }
            @SuppressWarnings("unchecked") // the class of an R
            Class<R> type = (Class<R>) record.getClass();
            return type.getConstructor(types).newInstance(values);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof RuntimeException refusal) {
                throw refusal;
            }
            throw new IllegalStateException(e);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(record.getClass() + " must be public, as must be its constructor", e);
        }
    }
}
