package io.github.maskalign.core.script;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.script.ScriptSource.ScriptSignature;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A TorchScript function that can be called with NDArrays, differentiably.
 *
 * <pre>{@code
 * ScriptFunction block = ScriptFunction.of(AdaLnZeroBlock.class, "block.py", "ada_ln_zero_block")
 *         .bind("heads", 12)
 *         .bind("bf16", false);
 * NDArray y = block.call(x, c, qkvWeight, ...).singletonOrThrow();
 * }</pre>
 *
 * <p>Arguments follow the order of the {@code def} line. A {@code Tensor} takes an {@link NDArray}, a
 * {@code List[Tensor]} an {@link NDList}; a {@code float}, {@code int} or {@code bool} is bound once as a
 * constant or given to each call as a Java number or boolean. Results belong to the manager of the first
 * array, or to the one given to {@link #callOn}. Whether a graph is recorded is decided by the thread's
 * gradient mode and by the arguments, as for any NDArray operation.
 *
 * <p>Instances are immutable and may be shared; the compiled module behind them belongs to one thread, with
 * the graph optimiser off, so that equal inputs give equal bits on every call. Compiled modules live until the JVM ends;
 * a thread that ends before it calls {@link #releaseThread} first. The same array may be given in several places.
 */
public final class ScriptFunction {
    private final ScriptSource source;
    private final ScriptSignature signature;
    private final Map<String, String> constants;

    private ScriptFunction(ScriptSource source, ScriptSignature signature, Map<String, String> constants) {
        this.source = source;
        this.signature = signature;
        this.constants = constants;
    }

    /**
     * Names a function of a resource file.
     *
     * @param anchor a class in whose package the file lies
     * @param resource file name, such as {@code "block.py"}
     * @param function name of a function defined there
     * @throws IllegalArgumentException if the file or the function does not exist
     */
    public static ScriptFunction of(Class<?> anchor, String resource, String function) {
        ScriptSource source = ScriptSource.read(anchor, resource);
        return new ScriptFunction(source, source.signature(function), Map.of());
    }

    /** Returns this function with an {@code int} or {@code float} parameter fixed. */
    public ScriptFunction bind(String parameter, Number value) {
        return bindLiteral(parameter, literal(value));
    }

    /** Returns this function with a {@code bool} parameter fixed. */
    public ScriptFunction bind(String parameter, boolean value) {
        return bindLiteral(parameter, value ? "True" : "False");
    }

    /** Returns this function without an {@code Optional[Tensor]}: it computes with {@code None}. */
    public ScriptFunction without(String parameter) {
        boolean known = signature.parameters().stream()
                .anyMatch(p -> p.name().equals(parameter) && p.type().equals(ScriptSignature.OPTIONAL));
        if (!known) {
            throw new IllegalArgumentException(
                    "script function " + signature.name() + " has no optional parameter " + parameter);
        }
        return fixed(parameter, "None");
    }

    /** Returns whether a {@code bool} parameter is fixed to be true. */
    public boolean isTrue(String parameter) {
        return "True".equals(constants.get(parameter));
    }

    /** Returns the parameters that a call has to give, in order. */
    public List<ScriptParameter> parameters() {
        List<ScriptParameter> open = new ArrayList<>();
        for (ScriptParameter p : signature.parameters()) {
            if (!constants.containsKey(p.name())) {
                open.add(p);
            }
        }
        return open;
    }

    /**
     * Calls the function; results belong to the manager of the first array.
     *
     * @param arguments one {@link NDArray}, {@link NDList}, {@link Number} or {@link Boolean} for each
     *     parameter that is not bound
     * @throws IllegalArgumentException if number or kind of the arguments do not fit the signature
     */
    public NDList call(Object... arguments) {
        return callOn(firstManager(arguments), arguments);
    }

    /** Calls a function that returns one tensor. */
    public NDArray callForOne(Object... arguments) {
        return call(arguments).singletonOrThrow();
    }

    /** Calls the function; results belong to {@code owner}. */
    public NDList callOn(NDManager owner, Object... arguments) {
        check(arguments);
        NDList results = CompiledModules.ofThisThread().run(this, owner, arguments);
        ScriptTape tape = ScriptTape.current();
        if (tape != null) {
            tape.record(this, arguments, results);
        }
        return results;
    }

    /**
     * Frees the native modules that were compiled for calls from this thread. The functions stay usable: the next call
     * compiles again.
     */
    public static void releaseThread() {
        CompiledModules.release();
    }

    /** Returns the function's name. */
    public String name() {
        return signature.name();
    }

    ScriptSource source() {
        return source;
    }

    ScriptSignature signature() {
        return signature;
    }

    /** Text of a call in which the open parameters are the given expressions. */
    String callText(List<String> expressions) {
        List<String> all = new ArrayList<>();
        int next = 0;
        for (ScriptParameter p : signature.parameters()) {
            String constant = constants.get(p.name());
            all.add(constant != null ? constant : expressions.get(next++));
        }
        return "__torch__." + signature.name() + "(" + String.join(", ", all) + ")";
    }

    /** The archive of this function alone: its identity for the cache of compiled modules. */
    String moduleCode() {
        List<String> declared = new ArrayList<>();
        List<String> passed = new ArrayList<>();
        for (ScriptParameter p : parameters()) {
            declared.add(p.name() + ": " + (p.type().startsWith("List") ? p.type() : "Tensor"));
            passed.add(p.isScalar() ? p.type() + "(" + p.name() + ")" : p.name());
        }
        return source.code() + "class Fn(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n"
                + "  def forward(self: __torch__.Fn, " + String.join(", ", declared) + ") -> " + signature.result()
                + ":\n    return " + callText(passed) + "\n";
    }

    private ScriptFunction bindLiteral(String parameter, String literal) {
        boolean known = signature.parameters().stream().anyMatch(p -> p.name().equals(parameter) && p.isScalar());
        if (!known) {
            throw new IllegalArgumentException(
                    "script function " + signature.name() + " has no scalar parameter " + parameter);
        }
        return fixed(parameter, literal);
    }

    private ScriptFunction fixed(String parameter, String literal) {
        Map<String, String> bound = new LinkedHashMap<>(constants);
        bound.put(parameter, literal);
        return new ScriptFunction(source, signature, Collections.unmodifiableMap(bound));
    }

    static String literal(Number value) {
        if (value instanceof Integer || value instanceof Long) {
            return value.toString();
        }
        double d = value.doubleValue();
        if (!Double.isFinite(d)) {
            throw new IllegalArgumentException("a script constant must be finite but was " + value);
        }
        return Double.toString(d);
    }

    private void check(Object[] arguments) {
        List<ScriptParameter> open = parameters();
        if (open.size() != arguments.length) {
            throw new IllegalArgumentException("script function " + signature.name() + " takes " + open.size()
                    + " arguments " + open + " but was given " + arguments.length);
        }
        for (int i = 0; i < arguments.length; i++) {
            ScriptParameter p = open.get(i);
            Object a = arguments[i];
            boolean fits = switch (p.type()) {
                case "Tensor", ScriptSignature.OPTIONAL -> a instanceof NDArray;
                case "List[Tensor]" -> a instanceof NDList list && !list.isEmpty();
                case "float" -> a instanceof Number;
                case "int" -> a instanceof Integer || a instanceof Long;
                case "bool" -> a instanceof Boolean;
                default -> false;
            };
            if (!fits) {
                throw new IllegalArgumentException("argument " + p.name() + " of script function " + signature.name()
                        + " must be a " + p.type() + " but was " + describe(a));
            }
        }
    }

    private static String describe(Object a) {
        return a instanceof NDList list && list.isEmpty()
                ? "an empty NDList"
                : "a " + a.getClass().getSimpleName();
    }

    private NDManager firstManager(Object[] arguments) {
        for (Object a : arguments) {
            if (a instanceof NDArray array) {
                return array.getManager();
            }
            if (a instanceof NDList list && !list.isEmpty()) {
                return list.get(0).getManager();
            }
        }
        throw new IllegalArgumentException(
                "script function " + signature.name() + " was given no array: name the owner with callOn");
    }

    /**
     * One parameter of a script function.
     *
     * @param name its name
     * @param type its type in TorchScript's spelling: {@code Tensor}, {@code Optional[Tensor]}, {@code List[Tensor]},
     *     {@code float}, {@code int} or {@code bool}
     */
    public record ScriptParameter(String name, String type) {
        boolean isScalar() {
            return type.equals("float") || type.equals("int") || type.equals("bool");
        }

        /** Whether a block may have no weight of this name. */
        public boolean isOptional() {
            return type.equals(ScriptSignature.OPTIONAL);
        }
    }
}
