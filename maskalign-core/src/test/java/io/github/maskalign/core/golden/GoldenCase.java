package io.github.maskalign.core.golden;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;

/**
 * One fixture under {@code golden/}: named tensors and metadata. Read with code of its own, so that a fault in the
 * library's reader cannot hide here, and compared with the hash in the topic's manifest.
 */
public final class GoldenCase {
    private final Map<String, String> metadata = new LinkedHashMap<>();
    private final Map<String, NDArray> tensors = new LinkedHashMap<>();

    private GoldenCase() {}

    /** Loads {@code golden/<topic>/<name>.safetensors} from the class path of {@code anchor}. */
    public static GoldenCase load(Class<?> anchor, String topic, String name, NDManager manager) {
        byte[] file = bytes(anchor, topic, name + ".safetensors");
        checkHash(anchor, topic, name, file);
        ByteBuffer in = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        int header = Math.toIntExact(in.getLong());
        JsonObject json = JsonParser.parseString(new String(file, 8, header, StandardCharsets.UTF_8))
                .getAsJsonObject();
        GoldenCase golden = new GoldenCase();
        for (Map.Entry<String, JsonElement> entry : json.entrySet()) {
            JsonObject value = entry.getValue().getAsJsonObject();
            if (entry.getKey().equals("__metadata__")) {
                value.entrySet()
                        .forEach(e ->
                                golden.metadata.put(e.getKey(), e.getValue().getAsString()));
            } else {
                golden.tensors.put(entry.getKey(), tensor(in, 8 + header, value, manager));
            }
        }
        return golden;
    }

    /** Names of all cases of a topic, from its manifest. */
    public static Stream<String> names(Class<?> anchor, String topic) {
        return manifest(anchor, topic).getAsJsonObject("files").keySet().stream()
                .map(file -> file.replace(".safetensors", ""));
    }

    /** A tensor by name; fails if there is none. */
    public NDArray get(String name) {
        NDArray array = tensors.get(name);
        if (array == null) {
            throw new AssertionError("fixture has no tensor " + name + " but " + tensors.keySet());
        }
        return array;
    }

    /** Whether there is such a tensor. */
    public boolean has(String name) {
        return tensors.containsKey(name);
    }

    /** Tensors whose names start with a prefix, by the rest of the name. */
    public Map<String, NDArray> under(String prefix) {
        Map<String, NDArray> out = new LinkedHashMap<>();
        tensors.forEach((name, array) -> {
            if (name.startsWith(prefix)) {
                out.put(name.substring(prefix.length()), array);
            }
        });
        return out;
    }

    /** All metadata. */
    public Map<String, String> metadata() {
        return metadata;
    }

    /** ‖a − b‖ / ‖b‖, or ‖a‖ if b is zero. */
    public static double relativeError(NDArray a, NDArray b) {
        if (!a.getShape().equals(b.getShape())) {
            throw new AssertionError("shapes differ: " + a.getShape() + " and " + b.getShape());
        }
        double[] x = doubles(a);
        double[] y = doubles(b);
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < x.length; i++) {
            difference += (x[i] - y[i]) * (x[i] - y[i]);
            norm += y[i] * y[i];
        }
        return Math.sqrt(norm == 0 ? difference : difference / norm);
    }

    private static double[] doubles(NDArray array) {
        return Stream.of(array.toArray()).mapToDouble(Number::doubleValue).toArray();
    }

    private static NDArray tensor(ByteBuffer in, int base, JsonObject entry, NDManager manager) {
        JsonArray dims = entry.getAsJsonArray("shape");
        long[] shape = new long[dims.size()];
        for (int i = 0; i < shape.length; i++) {
            shape[i] = dims.get(i).getAsLong();
        }
        DataType type = switch (entry.get("dtype").getAsString()) {
            case "F32" -> DataType.FLOAT32;
            case "F64" -> DataType.FLOAT64;
            case "I64" -> DataType.INT64;
            case "U8" -> DataType.UINT8;
            default -> throw new AssertionError("fixture type " + entry.get("dtype"));
        };
        JsonArray offsets = entry.getAsJsonArray("data_offsets");
        int from = base + offsets.get(0).getAsInt();
        int length = base + offsets.get(1).getAsInt() - from;
        ByteBuffer data = ByteBuffer.allocateDirect(length).order(ByteOrder.nativeOrder());
        data.put(in.duplicate().position(from).limit(from + length)).flip();
        NDArray array = manager.create(new Shape(shape), type);
        array.set(data);
        return array;
    }

    private static void checkHash(Class<?> anchor, String topic, String name, byte[] file) {
        String expected = manifest(anchor, topic)
                .getAsJsonObject("files")
                .getAsJsonObject(name + ".safetensors")
                .get("sha256")
                .getAsString();
        try {
            String found = HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(file));
            if (!found.equals(expected)) {
                throw new AssertionError("fixture golden/" + topic + "/" + name
                        + ".safetensors is not the one of its manifest; regenerate with scripts/golden/make_all.sh");
            }
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    private static JsonObject manifest(Class<?> anchor, String topic) {
        String text = new String(bytes(anchor, topic, "manifest.json"), StandardCharsets.UTF_8);
        return JsonParser.parseString(text).getAsJsonObject();
    }

    private static byte[] bytes(Class<?> anchor, String topic, String file) {
        String path = "/golden/" + topic + "/" + file;
        try (InputStream in = anchor.getResourceAsStream(path)) {
            if (in == null) {
                throw new AssertionError("no fixture " + path);
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new AssertionError("fixture " + path + " cannot be read", e);
        }
    }
}
