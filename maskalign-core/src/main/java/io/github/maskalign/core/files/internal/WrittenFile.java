package io.github.maskalign.core.files.internal;

import java.nio.file.Path;
import java.util.Map;

/**
 * What a safetensors file holds after it was written.
 *
 * @param path where it is
 * @param byteSize its size
 * @param sha256 SHA-256 of the whole file, 64 lower-case hexadecimal digits
 * @param tensorChecksums CRC-32C of each tensor's bytes, 8 hexadecimal digits, to name the tensor that was damaged
 */
public record WrittenFile(Path path, long byteSize, String sha256, Map<String, String> tensorChecksums) {
    /** Copies the map. */
    public WrittenFile {
        tensorChecksums = Map.copyOf(tensorChecksums);
    }
}
