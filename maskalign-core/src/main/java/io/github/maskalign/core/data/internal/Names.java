package io.github.maskalign.core.data.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.internal.ShardIndex.Column;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** Texts as two tensors: all their UTF-8 bytes, and where each ends. Read without making a Java string of each. */
final class Names {
    private final ByteBuffer bytes;
    private final long[] ends;

    private Names(ByteBuffer bytes, long[] ends) {
        this.bytes = bytes;
        this.ends = ends;
    }

    static Map<String, TensorSource> tensors(String key, List<String> names) {
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        long[] ends = new long[names.size()];
        for (int i = 0; i < ends.length; i++) {
            text.writeBytes(names.get(i).getBytes(StandardCharsets.UTF_8));
            ends[i] = text.size();
        }
        Column bytes = new Column(TensorType.U8);
        bytes.add(text.toByteArray(), text.size());
        return Map.of(key, bytes, endsOf(key), TensorSource.of(new Shape(ends.length), ends));
    }

    static Names read(SafetensorsFile file, String key, int count) throws IOException {
        long[] ends = file.longs(endsOf(key));
        ByteBuffer bytes = file.data(key);
        boolean rising = ends.length == count;
        for (int i = 0; rising && i < count; i++) {
            rising = ends[i] >= (i == 0 ? 0 : ends[i - 1]);
        }
        if (!rising || (count > 0 && ends[count - 1] != bytes.remaining())) {
            throw new CheckpointFormatException(
                    file.path(),
                    "the ends of the texts of " + key + " do not rise from 0 to " + bytes.remaining() + " in " + count
                            + " steps");
        }
        return new Names(bytes, ends);
    }

    static String endsOf(String key) {
        return key + ".end";
    }

    int size() {
        return ends.length;
    }

    String get(int index) {
        int begin = (int) (index == 0 ? 0 : ends[index - 1]);
        byte[] text = new byte[(int) ends[index] - begin];
        bytes.get(begin, text);
        return new String(text, StandardCharsets.UTF_8);
    }
}
