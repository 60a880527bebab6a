package io.github.maskalign.encoders.djl.internal;

import ai.djl.Model;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ModelNotFoundException;
import ai.djl.translate.TranslateException;
import ai.djl.translate.Translator;
import ai.djl.translate.TranslatorFactory;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** The arguments and options of a {@code Criteria} by name; either may be used, and numbers may be texts. */
public final class ZooArguments {
    private final Map<String, Object> values = new HashMap<>();

    /** Takes those of a criteria. */
    public ZooArguments(Criteria<?, ?> criteria) {
        if (criteria.getOptions() != null) {
            values.putAll(criteria.getOptions());
        }
        if (criteria.getArguments() != null) {
            values.putAll(criteria.getArguments());
        }
    }

    /** Returns an argument as it was given. */
    public Optional<Object> find(String name) {
        return Optional.ofNullable(values.get(name));
    }

    /** Returns an argument as text. */
    public Optional<String> text(String name) {
        return find(name).map(String::valueOf);
    }

    /**
     * Returns a whole number.
     *
     * @throws IllegalArgumentException if it is none
     */
    public int integer(String name, int otherwise) {
        return Math.toIntExact(whole(name, otherwise));
    }

    /**
     * Returns a whole number of any size.
     *
     * @throws IllegalArgumentException if it is none
     */
    public long whole(String name, long otherwise) {
        String text = text(name).orElse(null);
        try {
            return text == null ? otherwise : Long.parseLong(text.strip());
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(name + " must be a whole number but was " + text, e);
        }
    }

    /**
     * Returns a number.
     *
     * @throws IllegalArgumentException if it is none
     */
    public double number(String name, double otherwise) {
        String text = text(name).orElse(null);
        try {
            return text == null ? otherwise : Double.parseDouble(text);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(name + " must be a number but was " + text, e);
        }
    }

    /**
     * Returns the path of a model.
     *
     * @throws ModelNotFoundException if none was given
     */
    public Path path(String artifact) throws ModelNotFoundException {
        return Path.of(text("path")
                .orElseThrow(() -> new ModelNotFoundException(
                        artifact + " needs the argument path, which says where the model is")));
    }

    /**
     * Returns the translator that a criteria brings, or the model's own.
     *
     * @throws ModelNotFoundException if the one it brings cannot be made
     */
    public static <I, O> Translator<I, O> translator(Criteria<I, O> criteria, Model model, Translator<I, O> own)
            throws ModelNotFoundException {
        TranslatorFactory given = criteria.getTranslatorFactory();
        if (given == null) {
            return own;
        }
        try {
            return given.newInstance(
                    criteria.getInputClass(), criteria.getOutputClass(), model, criteria.getArguments());
        } catch (TranslateException e) {
            throw new ModelNotFoundException("the given translator cannot be made: " + e.getMessage(), e);
        }
    }
}
