package io.github.maskalign.core.files;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.internal.StrictJson;
import io.github.maskalign.core.files.internal.TensorValues;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Tensors by key, in order: the words that blocks and files exchange. It does not change, and holds no data of its own:
 * its arrays and files must be open when it is read.
 */
public final class StateDict {
    private final String origin;
    private final Map<String, TensorSource> tensors;

    public StateDict(String origin, Map<String, ? extends TensorSource> tensors) {
        this.origin = origin;
        this.tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
    }

    /** Returns a state dict that reads these arrays. */
    public static StateDict of(Map<String, NDArray> arrays) {
        Map<String, TensorSource> sources = new LinkedHashMap<>();
        arrays.forEach((key, array) -> sources.put(key, TensorSource.of(array)));
        return new StateDict("state dict", sources);
    }

    /** Returns a state dict of tensors of any kind. */
    public static StateDict ofTensors(Map<String, ? extends TensorSource> tensors) {
        return new StateDict("state dict", tensors);
    }

    /** Returns a state dict of tensors of any kind; {@code origin}, such as a file, starts its messages. */
    public static StateDict ofTensors(String origin, Map<String, ? extends TensorSource> tensors) {
        return new StateDict(origin, tensors);
    }

    /** Returns all tensors by key, in order. */
    public Map<String, TensorSource> tensors() {
        return tensors;
    }

    /** Returns the keys in order. */
    public Set<String> keys() {
        return tensors.keySet();
    }

    /** Returns the number of tensors. */
    public int size() {
        return tensors.size();
    }

    /** Returns one tensor. */
    public TensorSource get(String key) throws CheckpointFormatException {
        TensorSource tensor = tensors.get(key);
        if (tensor == null) {
            throw new CheckpointFormatException(
                    origin, List.of("there is no " + StrictJson.quote(key) + " among its " + tensors.size() + " keys"));
        }
        return tensor;
    }

    /** Returns the shape of each tensor. */
    public Map<String, Shape> shapes() {
        Map<String, Shape> shapes = new LinkedHashMap<>();
        tensors.forEach((key, tensor) -> shapes.put(key, tensor.shape()));
        return shapes;
    }

    /** Returns the tensors whose key starts with {@code prefix}, without it. */
    public StateDict under(String prefix) {
        Map<String, TensorSource> found = new LinkedHashMap<>();
        tensors.forEach((key, tensor) -> {
            if (key.startsWith(prefix)) {
                found.put(key.substring(prefix.length()), tensor);
            }
        });
        return new StateDict(origin, found);
    }

    /** Returns these tensors followed by the others; a key must not be in both. */
    public StateDict plus(StateDict others) {
        Map<String, TensorSource> all = new LinkedHashMap<>(tensors);
        others.tensors.forEach((key, tensor) -> {
            if (all.put(key, tensor) != null) {
                throw new IllegalArgumentException("both state dicts have the key " + StrictJson.quote(key));
            }
        });
        return new StateDict(origin, all);
    }

    /**
     * Returns this state dict if it has exactly the expected keys and shapes.
     *
     * @throws CheckpointFormatException with all missing keys, unexpected keys and wrong shapes
     */
    public StateDict require(Map<String, Shape> expected) throws CheckpointFormatException {
        List<String> problems = new ArrayList<>();
        expected.forEach((key, shape) -> {
            TensorSource found = tensors.get(key);
            if (found == null) {
                problems.add(StrictJson.quote(key) + " with shape " + shape + " is missing");
            } else if (!found.shape().equals(shape)) {
                problems.add(StrictJson.quote(key) + " must have shape " + shape + " but has " + found.shape());
            }
        });
        tensors.forEach((key, tensor) -> {
            if (!expected.containsKey(key)) {
                problems.add(StrictJson.quote(key) + " with shape " + tensor.shape() + " is unexpected");
            }
        });
        if (!problems.isEmpty()) {
            throw new CheckpointFormatException(origin, problems);
        }
        return this;
    }

    /** Returns all tensors as new arrays that own their memory, see {@link TensorSource#read(NDManager)}. */
    public Map<String, NDArray> read(NDManager manager) throws IOException {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        for (Map.Entry<String, TensorSource> t : tensors.entrySet()) {
            arrays.put(t.getKey(), t.getValue().read(manager));
        }
        return arrays;
    }

    /**
     * Overwrites arrays in place, see {@link TensorSource#copyTo(NDArray)}. Keys, shapes and types of all are checked
     * before the first one changes.
     */
    public void copyTo(Map<String, NDArray> targets) throws IOException {
        Map<String, Shape> shapes = new LinkedHashMap<>();
        targets.forEach((key, target) -> shapes.put(key, target.getShape()));
        require(shapes);
        for (Map.Entry<String, NDArray> t : targets.entrySet()) {
            TensorValues.requireFills(get(t.getKey()), t.getValue().getDataType());
        }
        for (Map.Entry<String, NDArray> t : targets.entrySet()) {
            get(t.getKey()).copyTo(t.getValue());
        }
    }
}
