package io.github.maskalign.core.script;

import ai.djl.ndarray.NDArray;
import io.github.maskalign.core.script.ScriptFunction.ScriptParameter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Records which script functions this thread calls, in what order and with what, so that a program without Java can make the
 * same calls. Arrays that nobody named and no function made are called {@code function.parameter}, in a list {@code [i]}
 * behind.
 */
public final class ScriptRecording implements AutoCloseable {
    private final ScriptTape tape = ScriptTape.start(true);

    /**
     * One call.
     *
     * @param function name of the function
     * @param archive the TorchScript archive that the engine calls, with all that is bound
     * @param parameters what the archive's {@code forward} takes; numbers are given as 0-d tensors
     * @param arguments names of arrays, {@code [a, b]} for a list, or a number or boolean as Python writes it
     * @param results names of the results
     * @param list whether the result is a list or tuple
     */
    public record RecordedCall(
            String function,
            byte[] archive,
            List<ScriptParameter> parameters,
            List<String> arguments,
            List<String> results,
            boolean list) {}

    /** Gives an array that is no result its name. */
    public void name(NDArray array, String name) {
        tape.name(array, name);
    }

    /** Returns the name of an array that was named, made or used. */
    public String nameOf(NDArray array) {
        return tape.expression(array)
                .orElseThrow(() -> new IllegalStateException(
                        "an array of shape " + array.getShape() + " was neither made nor used by a script function"));
    }

    /**
     * Returns the calls so far.
     *
     * @param bound numbers that take the place of those that functions with such a parameter were bound to
     */
    public List<RecordedCall> calls(Map<String, Integer> bound) {
        List<RecordedCall> out = new ArrayList<>();
        for (ScriptTape.Call call : tape.calls()) {
            ScriptFunction function = call.function();
            List<ScriptParameter> open = function.parameters();
            for (ScriptParameter parameter : function.signature().parameters()) {
                Integer value = bound.get(parameter.name());
                if (value != null && parameter.isScalar() && !open.contains(parameter)) {
                    function = function.bind(parameter.name(), value);
                }
            }
            out.add(new RecordedCall(
                    function.name(),
                    CompiledModules.archive(function.moduleCode()),
                    open,
                    call.arguments(),
                    call.results(),
                    !function.signature().result().equals("Tensor")));
        }
        return out;
    }

    @Override
    public void close() {
        tape.close();
    }
}
