package io.github.maskalign.core.script;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import io.github.maskalign.core.script.internal.PickleOutput;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.jspecify.annotations.Nullable;

/**
 * Writes a block, weights included, as a TorchScript archive that {@code torch.jit.load} in Python and
 * DJL both open.
 *
 * <p>The program is recorded from one forward pass, so any block whose forward pass consists of
 * {@link ScriptFunction} calls can be exported and nothing is written twice. The functions stay as they
 * are: shapes are not frozen. In Python the module's {@code state_dict()} has the same keys as ours.
 */
public final class ScriptExporter {
    private final Map<String, NDArray> weights = new LinkedHashMap<>();
    private final Map<String, NDArray> inputs = new LinkedHashMap<>();
    private final Map<String, String> extras = new LinkedHashMap<>();

    /** Adds a weight under its state-dict key, such as {@code blocks.0.attn.qkv.weight}. */
    public ScriptExporter weight(String key, NDArray array) {
        weights.put(key, array);
        return this;
    }

    /** Adds all weights of a map, by state-dict key. */
    public ScriptExporter weights(Map<String, NDArray> all) {
        weights.putAll(all);
        return this;
    }

    /** Declares the next parameter of the module's {@code forward}, with an example of its value. */
    public ScriptExporter input(String name, NDArray example) {
        inputs.put(name, example);
        return this;
    }

    /** Adds a text file to the archive, such as the provenance of the weights. */
    public ScriptExporter extra(String name, String text) {
        extras.put(name, text);
        return this;
    }

    /**
     * Runs the forward pass once to learn the program, then writes the archive.
     *
     * @param forward a forward pass over exactly the inputs and weights that were added
     * @param out where the archive goes; it is closed
     * @throws IllegalStateException if the forward pass uses an array that no script function made
     * @throws IOException if writing fails
     */
    public void export(Supplier<NDList> forward, OutputStream out) throws IOException {
        try (ScriptArchive archive = new ScriptArchive(out)) {
            String code;
            Node root = tree();
            try (ScriptTape tape = ScriptTape.start()) {
                inputs.forEach((name, array) -> tape.name(array, name));
                weights.forEach((key, array) -> tape.name(array, attribute(key)));
                NDList results = forward.get();
                code = program(tape, root, results);
            }
            PickleOutput pickle = new PickleOutput();
            List<NDArray> records = new ArrayList<>();
            pickle(root, pickle, records);
            archive.module(code, pickle.finish());
            for (int i = 0; i < records.size(); i++) {
                archive.tensor(i, bytes(records.get(i)));
            }
            for (Map.Entry<String, String> extra : extras.entrySet()) {
                archive.extra(extra.getKey(), extra.getValue());
            }
        }
    }

    private String program(ScriptTape tape, Node root, NDList results) {
        StringBuilder body = new StringBuilder();
        List<ScriptSource> sources = new ArrayList<>();
        for (ScriptTape.Call call : tape.calls()) {
            sources.add(call.function().source());
            String text = call.function().callText(call.arguments());
            boolean list = call.function().signature().result().startsWith("List");
            if (list) {
                String all = "l" + String.join("_", call.results());
                body.append("    ").append(all).append(" = ").append(text).append('\n');
                for (int i = 0; i < call.results().size(); i++) {
                    body.append("    " + call.results().get(i) + " = " + all + "[" + i + "]\n");
                }
            } else {
                body.append("    " + String.join(", ", call.results()) + " = " + text + "\n");
            }
        }
        List<String> outputs = new ArrayList<>();
        for (NDArray result : results) {
            outputs.add(tape.expression(result)
                    .orElseThrow(() -> new IllegalStateException(
                            "a result of shape " + result.getShape() + " was not made by a script function")));
        }
        boolean one = outputs.size() == 1;
        String type = one ? "Tensor" : "Tuple[" + "Tensor, ".repeat(outputs.size() - 1) + "Tensor]";
        StringBuilder parameters = new StringBuilder("self: __torch__." + root.className);
        inputs.keySet().forEach(name -> parameters.append(", ").append(name).append(": Tensor"));
        String method = "  def forward(" + parameters + ") -> " + type + ":\n" + body + "    return "
                + (one ? outputs.get(0) : "(" + String.join(", ", outputs) + ")") + "\n";
        StringBuilder code = new StringBuilder(ScriptSource.merge(sources).code());
        root.declare(code, method);
        return code.toString();
    }

    private Node tree() {
        Node root = new Node("Exported");
        int[] count = {0};
        weights.forEach((key, array) -> {
            Node node = root;
            String[] path = key.split("\\.", -1);
            for (int i = 0; i < path.length - 1; i++) {
                node = node.children.computeIfAbsent(path[i], k -> new Node("M" + count[0]++));
            }
            node.tensors.put(path[path.length - 1], array);
        });
        return root;
    }

    private static void pickle(Node node, PickleOutput out, List<NDArray> records) {
        out.beginObject(node.className);
        for (Map.Entry<String, NDArray> tensor : node.tensors.entrySet()) {
            NDArray array = tensor.getValue();
            out.text(tensor.getKey());
            long[] shape = array.getShape().getShape();
            out.tensor(storage(array.getDataType()), records.size(), array.size(), shape, null);
            records.add(array);
        }
        out.text("training").bool(false);
        for (Map.Entry<String, Node> child : node.children.entrySet()) {
            out.text(child.getKey());
            pickle(child.getValue(), out, records);
        }
        out.endObject();
    }

    private static String attribute(String key) {
        String expression = "self";
        for (String part : key.split("\\.", -1)) {
            expression = Character.isDigit(part.charAt(0))
                    ? "getattr(" + expression + ", \"" + part + "\")"
                    : expression + "." + part;
        }
        return expression;
    }

    private static String storage(DataType type) {
        return switch (type) {
            case FLOAT32 -> "FloatStorage";
            case FLOAT64 -> "DoubleStorage";
            case INT64 -> "LongStorage";
            case INT32 -> "IntStorage";
            case UINT8 -> "ByteStorage";
            default -> throw new IllegalArgumentException("weights of type " + type + " cannot be exported");
        };
    }

    private static byte[] bytes(NDArray array) {
        try (NDArray host =
                array.toDevice(Device.cpu(), true)) { // read on a GPU, it would leave a copy with its manager
            ByteBuffer buffer = host.toByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
            byte[] bytes = new byte[buffer.remaining()];
            buffer.get(bytes);
            return bytes;
        }
    }

    /** One module of the archive: tensors and submodules by name. */
    private static final class Node {
        private final String className;
        private final Map<String, NDArray> tensors = new LinkedHashMap<>();
        private final Map<String, Node> children = new LinkedHashMap<>();

        Node(String className) {
            this.className = className;
        }

        /** Declares children before parents, as the archive's parser wants. */
        void declare(StringBuilder code, @Nullable String method) {
            children.values().forEach(child -> child.declare(code, null));
            Set<String> parameters = new TreeSet<>();
            tensors.keySet().forEach(name -> parameters.add("\"" + name + "\""));
            code.append("class " + className + "(Module):\n  __parameters__ = [");
            parameters.forEach(p -> code.append(p).append(", "));
            code.append("]\n  __buffers__ = []\n");
            tensors.keySet().forEach(name -> declare(code, name, "Tensor"));
            code.append("  training : bool\n");
            children.forEach((name, child) -> declare(code, name, "__torch__." + child.className));
            if (method != null) {
                code.append(method);
            }
        }

        private static void declare(StringBuilder code, String name, String type) {
            if (Character.isDigit(name.charAt(0))) {
                code.append("  __annotations__[\"" + name + "\"] = " + type + "\n");
            } else {
                code.append("  " + name + " : " + type + "\n");
            }
        }
    }

    /**
     * Writes the container that {@code torch.jit.load} reads: a zip of stored entries under one folder,
     * with the pickled module, its constants, its code and one record for each tensor.
     */
    static final class ScriptArchive implements Closeable {
        /** Archive version whose operator schemas are the current ones; 3 would bring back an old gelu. */
        private static final String VERSION = "10\n";

        private final ZipOutputStream zip;

        ScriptArchive(OutputStream out) {
            zip = new ZipOutputStream(out);
            zip.setMethod(ZipOutputStream.STORED);
        }

        void module(String code, byte[] pickledModule) throws IOException {
            entry("data.pkl", pickledModule);
            entry("code/__torch__.py", code.getBytes(StandardCharsets.UTF_8));
            entry(
                    "constants.pkl",
                    new PickleOutput().op(PickleOutput.EMPTY_TUPLE).finish());
            entry("version", VERSION.getBytes(StandardCharsets.US_ASCII));
            entry("byteorder", "little".getBytes(StandardCharsets.US_ASCII));
        }

        void tensor(int record, byte[] littleEndian) throws IOException {
            entry("data/" + record, littleEndian);
        }

        /** Adds a free file, readable with {@code torch.jit.load(..., _extra_files=...)}. */
        void extra(String name, String text) throws IOException {
            entry("extra/" + name, text.getBytes(StandardCharsets.UTF_8));
        }

        @Override
        public void close() throws IOException {
            zip.close();
        }

        private void entry(String name, byte[] bytes) throws IOException {
            CRC32 crc = new CRC32();
            crc.update(bytes);
            ZipEntry entry = new ZipEntry("archive/" + name);
            entry.setMethod(ZipEntry.STORED);
            entry.setSize(bytes.length);
            entry.setCompressedSize(bytes.length);
            entry.setCrc(crc.getValue());
            entry.setTime(0L); // the same module gives the same bytes
            zip.putNextEntry(entry);
            zip.write(bytes);
            zip.closeEntry();
        }
    }
}
