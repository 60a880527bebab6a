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
 * other operation is unknown when it is used, which {@link #expression} reports.
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

    private ScriptTape() {}

    static ScriptTape start() {
        if (CURRENT.get() != null) {
            throw new IllegalStateException("a module is already being exported on this thread");
        }
        ScriptTape tape = new ScriptTape();
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
        for (Object argument : arguments) {
            expressions.add(expressionOf(argument, function));
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

    private String expressionOf(Object argument, ScriptFunction function) {
        if (argument instanceof NDArray array) {
            return expression(array)
                    .orElseThrow(() -> new IllegalStateException("an array of shape " + array.getShape() + " given to "
                            + function.name() + " was not made by a script function, so the block cannot be exported"));
        }
        if (argument instanceof NDList list) {
            List<String> out = new ArrayList<>();
            list.forEach(array -> out.add(expressionOf(array, function)));
            return "[" + String.join(", ", out) + "]";
        }
        if (argument instanceof Boolean b) {
            return b ? "True" : "False";
        }
        return ScriptFunction.literal((Number) argument);
    }
}
