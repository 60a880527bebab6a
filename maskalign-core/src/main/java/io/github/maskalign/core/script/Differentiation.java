package io.github.maskalign.core.script;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;

/**
 * How the gradients of a loss are found.
 *
 * <p>{@link Autograd#gradients} does it for a loss whose whole graph was recorded. A forward pass that recorded only
 * parts of it brings its own way.
 */
@FunctionalInterface
public interface Differentiation {
    /**
     * Returns d loss / d parameter for every parameter; may be called once for a loss.
     *
     * @param loss a 0-d array recorded with gradient mode on
     * @param parameters arrays that require gradients
     * @param owner the manager the gradients belong to
     * @return gradients in the order and shape of the parameters; zeros where the loss does not depend on one
     */
    NDList gradients(NDArray loss, NDList parameters, NDManager owner);
}
