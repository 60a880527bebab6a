package io.github.maskalign.core.script;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Records which script functions a forward pass calls, and with what: the program of an exported module.
 *
 * <p>One recording at a time on a thread. Only script functions are seen; an array that comes from any
 * other operation is unknown when it is used, which ends the recording with an error, or in an open recording makes
 * it an input that is named after the parameter it was given for.
 */
final class ScriptTape implements AutoCloseable {
    private static final ThreadLocal<@Nullable ScriptTape> CURRENT = new ThreadLocal<>();

    /**
     * One recorded call.
     *
     * @param function what was called
     * @param results names given to the results
     * @param arguments expressions of the arguments
     */
    record Call(ScriptFunction function, List<String> results, List<String> arguments) {}

    private final Map<NDArray, String> names = new IdentityHashMap<>();
    private final List<Call> calls = new ArrayList<>();

    private final boolean open;

    private ScriptTape(boolean open) {
        this.open = open;
    }

    /** Starts a recording in which every array must be known. */
    static ScriptTape start() {
        return start(false);
    }

    /** Starts a recording; in an open one an unknown array is called {@code function.parameter}, in a list {@code [i]} behind. */
    static ScriptTape start(boolean open) {
        if (CURRENT.get() != null) {
            throw new IllegalStateException("a module is already being exported on this thread");
        }
        ScriptTape tape = new ScriptTape(open);
        CURRENT.set(tape);
        return tape;
    }

    static @Nullable ScriptTape current() {
        return CURRENT.get();
    }

    void name(NDArray array, String expression) {
        names.put(array, expression);
    }

    void record(ScriptFunction function, Object[] arguments, NDList results) {
        List<String> expressions = new ArrayList<>();
        for (int i = 0; i < arguments.length; i++) {
            expressions.add(expressionOf(
                    arguments[i], function, function.parameters().get(i).name()));
        }
        List<String> out = new ArrayList<>();
        for (NDArray result : results) {
            String name = "v" + names.size();
            names.put(result, name);
            out.add(name);
        }
        calls.add(new Call(function, out, expressions));
    }

    List<Call> calls() {
        return calls;
    }

    /** Returns the name of an array, if the tape has seen it. */
    Optional<String> expression(NDArray array) {
        return Optional.ofNullable(names.get(array));
    }

    @Override
    public void close() {
        CURRENT.remove();
    }

    private String expressionOf(Object argument, ScriptFunction function, String parameter) {
        if (argument instanceof NDArray array) {
            if (open) {
                return names.computeIfAbsent(array, unknown -> function.name() + "." + parameter);
            }
            return expression(array)
                    .orElseThrow(() -> new IllegalStateException("an array of shape " + array.getShape() + " given to "
                            + function.name() + " was not made by a script function, so the block cannot be exported"));
        }
        if (argument instanceof NDList list) {
            List<String> out = new ArrayList<>();
            for (int i = 0; i < list.size(); i++) {
                out.add(expressionOf(list.get(i), function, parameter + "[" + i + "]"));
            }
            return "[" + String.join(", ", out) + "]";
        }
        if (argument instanceof Boolean b) {
            return b ? "True" : "False";
        }
        return ScriptFunction.literal((Number) argument);
    }
}
