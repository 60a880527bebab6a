package io.github.maskalign.core.files.internal;

import static io.github.maskalign.core.files.CheckpointFormatException.quote;

import io.github.maskalign.core.files.WeightsFile.Unknown;
import io.github.maskalign.core.files.internal.KnownNames.Meaning;
import io.github.maskalign.core.files.internal.KnownNames.Role;
import io.github.maskalign.core.files.internal.Storages.StorageRecord;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Turns what a pickle says about objects into data: names by {@link KnownNames}, calls by patterns of known names and
 * values. Anything else is an {@link IllegalStateException} with the reason; nothing is looked up or called.
 */
final class PickleObjects {
    static final int MAX_PAIRS = 1_000_000;

    private final Unknown unknown;
    private final TensorRebuild tensors;
    private long pairs;

    PickleObjects(Unknown unknown, TensorRebuild tensors) {
        this.unknown = unknown;
        this.tensors = tensors;
    }

    /** A name stands for itself until it is used in a call. */
    TorchValue name(String qualified) {
        Meaning meaning = KnownNames.of(qualified);
        if (meaning == null && unknown == Unknown.REFUSE) {
            throw new IllegalStateException("names " + quote(qualified)
                    + ", which is not among the names known to be harmless in a checkpoint, so the file is refused; "
                    + wayOut(qualified));
        }
        return new TorchValue.Opaque(qualified, meaning);
    }

    /**
     * What PyTorch stores outside of the pickle is a tensor's memory; the older format also told the classes of modules
     * so, with their source code, {@code ("module", class, file, source)}.
     */
    TorchValue persistent(TorchValue id) {
        boolean isModule = tensors.isStream()
                && tuple(id).size() == 4
                && tuple(id).get(0) instanceof TorchValue.Text kind
                && kind.value().equals("module");
        if (isModule && tuple(id).get(1) instanceof TorchValue.Opaque type && type.meaning() == null) {
            return type; // which was refused as a name before, if unknown ones are
        }
        return tensors.storage(id);
    }

    TorchValue call(TorchValue callable, TorchValue arguments) {
        List<TorchValue> given = tuple(arguments);
        Meaning meaning = meaning(callable);
        if (meaning == null) {
            return opaque(callable);
        }
        return switch (meaning.role()) {
            case DICT -> dict(given);
            case SIZE -> {
                if (given.size() != 1) {
                    throw new IllegalStateException("a torch.Size must be made of one tuple");
                }
                yield new TorchValue.Tuple(tuple(given.get(0)));
            }
            case REBUILD_TENSOR -> tensors.rebuild(given, false);
            case REBUILD_TYPED_TENSOR -> tensors.rebuild(given, true);
            case REBUILD_PARAMETER -> parameter(given);
            case REBUILD_FROM_TYPE -> fromType(given);
            case VALUE -> opaque(callable);
            case TENSOR_CLASS, STORAGE, DTYPE ->
                throw new IllegalStateException("calls " + name(callable) + ", which is not called in checkpoints");
        };
    }

    TorchValue newObject(TorchValue type, TorchValue arguments) {
        tuple(arguments);
        Meaning meaning = meaning(type);
        if (meaning == null || meaning.role() == Role.VALUE) {
            return opaque(type);
        }
        throw new IllegalStateException("makes an object of " + name(type) + ", which is not made so in checkpoints");
    }

    /** Attributes of a dict, such as the versions of a state dict's modules, and the content of opaque objects: skipped. */
    static void build(TorchValue target, TorchValue state) {
        if (target instanceof TorchValue.Dict && state instanceof TorchValue.Dict) {
            return;
        }
        requireOpaque(target);
    }

    static TorchValue append(TorchValue target, List<TorchValue> items) {
        if (target instanceof TorchValue.Sequence list) {
            items.forEach(list::add);
        } else {
            requireOpaque(target);
        }
        return target;
    }

    static TorchValue put(TorchValue target, List<TorchValue> keysAndValues) {
        if (keysAndValues.size() % 2 != 0) {
            throw new IllegalStateException("a dict must have as many values as keys");
        }
        if (target instanceof TorchValue.Dict dict) {
            for (int i = 0; i < keysAndValues.size(); i += 2) {
                dict.put(key(keysAndValues.get(i)), keysAndValues.get(i + 1));
            }
        } else {
            requireOpaque(target);
        }
        return target;
    }

    /** The only values that hold anything else are lists, tuples, dicts and these. */
    static void requireOpaque(TorchValue target) {
        if (!(target instanceof TorchValue.Opaque opaque) || opaque.meaning() != null) {
            throw new IllegalStateException("puts something into a value that is no container");
        }
    }

    static List<TorchValue> tuple(TorchValue value) {
        if (value instanceof TorchValue.Tuple tuple) {
            return tuple.items();
        }
        throw new IllegalStateException("a tuple must stand here");
    }

    private static String wayOut(String qualified) {
        if (qualified.startsWith("torch._utils._rebuild_")) {
            return "sparse, quantised and wrapped tensors are not read here: call .to_dense() or .dequantize() and save"
                    + " again";
        }
        if (qualified.startsWith("torch.nn.")) {
            return "it holds a whole module: save its state_dict() instead";
        }
        return "if it is a class of settings, open the file with unknown classes as opaque; if it holds a whole module,"
                + " save its state_dict() instead";
    }

    private static TorchValue key(TorchValue key) {
        if (key instanceof TorchValue.Sequence || key instanceof TorchValue.Dict || key instanceof TorchValue.Tensor) {
            throw new IllegalStateException("the key of a dict must not be a list, a dict or a tensor");
        }
        return key;
    }

    /**
     * A dict made of a dict, such as a Counter, is that dict: a copy could be asked for any number of times. Python 2 made an
     * OrderedDict of a list of pairs, which may be asked for as often too, so that pairs are counted.
     */
    private TorchValue dict(List<TorchValue> arguments) {
        if (arguments.size() == 1 && arguments.get(0) instanceof TorchValue.Dict dict) {
            return dict;
        }
        TorchValue.Dict made = new TorchValue.Dict();
        if (arguments.size() == 1 && arguments.get(0) instanceof TorchValue.Sequence list) {
            pairs += list.items().size();
            if (pairs > MAX_PAIRS) {
                throw new IllegalStateException("dicts must be made of at most " + MAX_PAIRS + " pairs");
            }
            for (TorchValue item : list.items()) {
                List<TorchValue> pair = item instanceof TorchValue.Sequence two ? two.items() : tuple(item);
                if (pair.size() != 2) {
                    throw new IllegalStateException("a dict must be made of pairs");
                }
                made.put(key(pair.get(0)), pair.get(1));
            }
        }
        return made;
    }

    private static TorchValue parameter(List<TorchValue> arguments) {
        if (arguments.isEmpty() || !(arguments.get(0) instanceof TorchValue.Tensor tensor)) {
            throw new IllegalStateException("a parameter must be made of a tensor");
        }
        return tensor;
    }

    private TorchValue fromType(List<TorchValue> arguments) {
        Meaning rebuild = arguments.size() == 4 ? meaning(arguments.get(0)) : null;
        Meaning type = arguments.size() == 4 ? meaning(arguments.get(1)) : null;
        boolean known = type != null
                && type.role() == Role.TENSOR_CLASS
                && rebuild != null
                && (rebuild.role() == Role.REBUILD_TENSOR
                        || rebuild.role() == Role.REBUILD_TYPED_TENSOR
                        || rebuild.role() == Role.REBUILD_PARAMETER);
        if (!known) {
            throw new IllegalStateException("a tensor with attributes must be a torch.Tensor or a Parameter");
        }
        return call(arguments.get(0), arguments.get(2));
    }

    private static TorchValue opaque(TorchValue named) {
        return new TorchValue.Opaque(name(named));
    }

    private static String name(TorchValue named) {
        if (named instanceof TorchValue.Opaque opaque) {
            return opaque.className();
        }
        throw new IllegalStateException("calls something that is not a name");
    }

    private @Nullable Meaning meaning(TorchValue named) {
        name(named);
        Object meaning = ((TorchValue.Opaque) named).meaning();
        if (meaning instanceof StorageRecord) {
            throw new IllegalStateException("calls a storage");
        }
        if (meaning == null && unknown == Unknown.REFUSE) {
            throw new IllegalStateException("calls an object of " + name(named));
        }
        return (Meaning) meaning;
    }
}
