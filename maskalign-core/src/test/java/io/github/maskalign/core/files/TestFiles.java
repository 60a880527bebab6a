package io.github.maskalign.core.files;

import ai.djl.ndarray.types.Shape;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Bytes and folders that several tests need. */
public final class TestFiles {
    private TestFiles() {}

    /** The bytes of a safetensors file with any header text and data. */
    public static byte[] safetensors(String header, int dataBytes) {
        return safetensors(header.getBytes(StandardCharsets.UTF_8), dataBytes);
    }

    public static byte[] safetensors(byte[] header, int dataBytes) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(header.length)
                .array());
        out.writeBytes(header);
        out.writeBytes(new byte[dataBytes]);
        return out.toByteArray();
    }

    public static StateDict state(int tensors, int elements, float seed) {
        Map<String, TensorSource> state = new LinkedHashMap<>();
        for (int t = 0; t < tensors; t++) {
            float[] values = new float[elements];
            for (int i = 0; i < elements; i++) {
                values[i] = seed + t + i / 8f;
            }
            state.put("blocks." + t + ".weight", TensorSource.of(new Shape(elements), values));
        }
        return StateDict.ofTensors(state);
    }

    public static List<String> names(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return new ArrayList<>(
                    entries.map(p -> p.getFileName().toString()).sorted().toList());
        }
    }
}
