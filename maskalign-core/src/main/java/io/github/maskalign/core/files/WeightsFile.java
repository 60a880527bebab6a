package io.github.maskalign.core.files;

import io.github.maskalign.core.files.internal.FileKind;
import io.github.maskalign.core.files.internal.ShardedSafetensors;
import io.github.maskalign.core.files.internal.TorchFile;
import io.github.maskalign.core.files.internal.TorchFile.Sections;
import io.github.maskalign.core.files.internal.TorchValue;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/**
 * An open file of weights of any kind that this library reads: safetensors, a sharded safetensors index
 * ({@code *.safetensors.index.json}) or a PyTorch checkpoint.
 *
 * <p>A checkpoint may hold several state dicts, its sections: {@code ""} is a bare state dict, {@code "ema"} the dict
 * under that key, {@code "opt.state"} one inside another. Safetensors files have the one section {@code ""}. Tensors
 * are read when they are asked for, so the file must stay open until then.
 */
public interface WeightsFile extends AutoCloseable {
    /**
     * Opens a file by what is in it, whatever its name is; only an index of shards is known by its name, which ends in
     * {@code .json}.
     *
     * @throws CheckpointFormatException when the file is none of the kinds, or breaks a rule of its kind
     */
    static WeightsFile open(Path path) throws IOException {
        return open(path, Unknown.REFUSE);
    }

    /** Opens a file as {@link #open(Path)} does; {@code unknown} is for PyTorch checkpoints. */
    static WeightsFile open(Path path, Unknown unknown) throws IOException {
        return switch (FileKind.of(path)) {
            case SAFETENSORS -> SafetensorsFile.open(path);
            case SHARD_INDEX -> ShardedSafetensors.open(path);
            case TORCH_ZIP, TORCH_STREAM -> TorchFile.open(path, unknown);
        };
    }

    /** Returns where the file is. */
    Path path();

    /** Returns the kind of file in a few words, such as {@code PyTorch checkpoint}. */
    String format();

    /** Returns the names of all state dicts in the file, in its order. */
    Set<String> sections();

    /**
     * Returns the tensors of one section.
     *
     * @throws CheckpointFormatException when there is no such section, with the names of those there are
     */
    StateDict stateDict(String section) throws CheckpointFormatException;

    /**
     * Returns the tensors of the only section.
     *
     * @throws CheckpointFormatException when there are none or several, with their names
     */
    default StateDict stateDict() throws CheckpointFormatException {
        Set<String> sections = sections();
        if (sections.size() != 1) {
            throw new CheckpointFormatException(
                    path(),
                    sections.isEmpty()
                            ? "holds no tensors"
                            : "holds several state dicts, so say which one: " + Sections.list(sections));
        }
        return stateDict(sections.iterator().next());
    }

    /**
     * Returns the texts stored with the tensors. Those of a PyTorch checkpoint are the texts, numbers and booleans that
     * stand in its outermost dict, such as {@code steps}.
     */
    Map<String, String> metadata();

    @Override
    void close() throws IOException;

    /** What to do with a class that a checkpoint names and that {@code KnownNames} does not list. Neither loads it. */
    enum Unknown {
        /** The file is refused; the message names the class. */
        REFUSE,
        /** Objects of the class become {@link TorchValue.Opaque}: the name stays, the content is skipped. */
        OPAQUE
    }
}
