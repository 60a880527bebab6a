package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.TensorType;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Every name that a checkpoint may mention, and what it means here. A pickle mentions Python's functions and classes by
 * module and name; this reader compares those texts with the table below and does nothing else with them. What is not
 * in the table is refused: a list of harmful names could never be complete.
 */
final class KnownNames {
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
