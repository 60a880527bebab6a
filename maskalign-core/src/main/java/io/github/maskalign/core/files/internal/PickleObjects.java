package io.github.maskalign.core.files.internal;

import static io.github.maskalign.core.files.CheckpointFormatException.quote;

import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.WeightsFile.Unknown;
import io.github.maskalign.core.files.internal.PickleObjects.KnownNames.Meaning;
import io.github.maskalign.core.files.internal.PickleObjects.KnownNames.Role;
import io.github.maskalign.core.files.internal.TensorRebuild.Storages.StorageRecord;
import io.github.maskalign.core.files.internal.TensorRebuild.TorchTypes;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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

    /**
     * Every name that a checkpoint may mention, and what it means here. A pickle mentions Python's functions and classes by
     * module and name; this reader compares those texts with the table below and does nothing else with them. What is not
     * in the table is refused: a list of harmful names could never be complete.
     */
    static final class KnownNames {
        /** What a name means. */
        enum Role {
            /** Makes an empty dict, or takes a dict. */
            DICT,
            /** Makes a tuple. */
            SIZE,
            /** {@code (storage, offset, size, stride, ...)} to a tensor. */
            REBUILD_TENSOR,
            /** {@code (storage, offset, size, stride, requires_grad, hooks, dtype, ...)} to a tensor. */
            REBUILD_TYPED_TENSOR,
            /** {@code (tensor, requires_grad, hooks, ...)} to the tensor. */
            REBUILD_PARAMETER,
            /** {@code (rebuild, class, arguments, state)} to what rebuild makes of the arguments. */
            REBUILD_FROM_TYPE,
            /** The class of a tensor. */
            TENSOR_CLASS,
            /** The element type of a storage; null for one without. */
            STORAGE,
            /** An element type. */
            DTYPE,
            /** A class whose objects are known to be settings or small values: kept by name, content skipped. */
            VALUE
        }

        /** A role, with the element type where it has one. */
        record Meaning(Role role, @Nullable TensorType type) {}

        private static final Map<String, Meaning> TABLE = table();

        private KnownNames() {}

        /** Returns what {@code module.name} means, or null if it is not known. */
        static @Nullable Meaning of(String qualifiedName) {
            return TABLE.get(qualifiedName);
        }

        private static Map<String, Meaning> table() {
            Map<String, Meaning> table = new LinkedHashMap<>();
            add(table, Role.DICT, "collections.", "OrderedDict", "defaultdict", "Counter");
            add(table, Role.SIZE, "torch.", "Size");
            add(table, Role.REBUILD_TENSOR, "torch._utils.", "_rebuild_tensor", "_rebuild_tensor_v2");
            add(table, Role.REBUILD_TYPED_TENSOR, "torch._utils.", "_rebuild_tensor_v3");
            add(table, Role.REBUILD_PARAMETER, "torch._utils.", "_rebuild_parameter", "_rebuild_parameter_with_state");
            add(table, Role.REBUILD_FROM_TYPE, "torch._tensor.", "_rebuild_from_type_v2");
            add(table, Role.TENSOR_CLASS, "torch.", "Tensor");
            add(table, Role.TENSOR_CLASS, "torch.nn.parameter.", "Parameter", "Buffer");
            storages(table);
            dtypes(table);
            values(table);
            return Map.copyOf(table);
        }

        private static void storages(Map<String, Meaning> table) {
            for (TensorType type : TensorType.values()) {
                String name = TorchTypes.storage(type);
                if (name != null) {
                    table.put("torch." + name, new Meaning(Role.STORAGE, type));
                }
            }
            add(table, Role.STORAGE, "torch.", "UntypedStorage");
            add(table, Role.STORAGE, "torch.storage.", "UntypedStorage", "_UntypedStorage");
        }

        private static void dtypes(Map<String, Meaning> table) {
            for (TensorType type : TensorType.values()) {
                String name = TorchTypes.dtype(type);
                if (name != null) {
                    table.put("torch." + name, new Meaning(Role.DTYPE, type));
                }
            }
            add(table, Role.VALUE, "torch.", "complex128", "qint8", "quint8", "qint32");
        }

        /** Settings and small values that training scripts put beside the weights. */
        private static void values(Map<String, Meaning> table) {
            add(table, Role.VALUE, "argparse.", "Namespace");
            add(table, Role.VALUE, "types.", "SimpleNamespace");
            add(table, Role.VALUE, "easydict.", "EasyDict");
            add(table, Role.VALUE, "omegaconf.dictconfig.", "DictConfig");
            add(table, Role.VALUE, "omegaconf.listconfig.", "ListConfig");
            add(table, Role.VALUE, "omegaconf.base.", "ContainerMetadata", "Metadata");
            add(
                    table,
                    Role.VALUE,
                    "omegaconf.nodes.",
                    "AnyNode",
                    "BooleanNode",
                    "BytesNode",
                    "EnumNode",
                    "FloatNode",
                    "IntegerNode",
                    "PathNode",
                    "StringNode",
                    "InterpolationResultNode");
            add(table, Role.VALUE, "typing.", "Any");
            for (String module : new String[] {"pathlib.", "pathlib._local."}) {
                add(table, Role.VALUE, module, "Path", "PosixPath", "WindowsPath");
                add(table, Role.VALUE, module, "PurePath", "PurePosixPath", "PureWindowsPath");
            }
            add(table, Role.VALUE, "datetime.", "date", "datetime", "time", "timedelta", "timezone");
            add(table, Role.VALUE, "decimal.", "Decimal");
            add(table, Role.VALUE, "fractions.", "Fraction");
            add(table, Role.VALUE, "uuid.", "UUID");
            add(table, Role.VALUE, "torch.", "device", "Generator");
            add(table, Role.VALUE, "torch.torch_version.", "TorchVersion");
            add(table, Role.VALUE, "_codecs.", "encode"); // how protocol 2 writes bytes
            add(table, Role.VALUE, "numpy.", "dtype", "ndarray");
            for (String module : new String[] {"numpy.core.multiarray.", "numpy._core.multiarray."}) {
                add(table, Role.VALUE, module, "scalar", "_reconstruct");
            }
            for (String module : new String[] {"builtins.", "__builtin__."}) { // Python 3 and 2 call it differently
                add(table, Role.VALUE, module, "bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset");
                add(table, Role.VALUE, module, "int", "list", "range", "set", "slice", "str", "tuple");
            }
        }

        private static void add(Map<String, Meaning> table, Role role, String module, String... names) {
            for (String name : names) {
                table.put(module + name, new Meaning(role, null));
            }
        }
    }
}
