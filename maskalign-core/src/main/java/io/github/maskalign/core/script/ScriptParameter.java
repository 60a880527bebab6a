package io.github.maskalign.core.script;

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
