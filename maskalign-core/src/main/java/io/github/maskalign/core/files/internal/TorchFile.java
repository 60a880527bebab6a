package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.files.WeightsFile.Unknown;
import io.github.maskalign.core.files.internal.Storages.ZipStorages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * An open PyTorch checkpoint: the zip file that {@code torch.save} has written since version 1.6, or the stream of
 * pickles and storages that it wrote before.
 *
 * <p>Opening checks the container, reads the pickle in it as plain data, and compares every tensor with the size of its
 * storage. Nothing in the file is executed or looked up: classes are texts, and those that are not known to be harmless
 * are a reason to refuse the file, see {@link Unknown}. Opening takes memory for the pickle; reading a tensor takes the
 * tensor and a few MiB, also when it is a transposed or otherwise strided view. Storages stay in the file.
 *
 * <p>All methods may be called by several threads at once.
 */
public final class TorchFile implements WeightsFile {
    private static final int MAX_PICKLE_BYTES = 64 << 20;

    private final FileBytes file;
    private final FileKind kind;
    private final TorchValue root;
    private final Map<String, StateDict> sections;

    private TorchFile(FileBytes file, FileKind kind, TorchValue root) throws CheckpointFormatException {
        this.file = file;
        this.kind = kind;
        this.root = root;
        sections = Sections.of(file.path(), root);
    }

    /**
     * Opens a checkpoint and refuses classes that are not known.
     *
     * @throws CheckpointFormatException when the file is something else, says what it is and what opens it; when it
     *     breaks a rule of the format; and when it names a class that is not known
     */
    public static TorchFile open(Path path) throws IOException {
        return open(path, Unknown.REFUSE);
    }

    /** Opens a checkpoint as {@link #open(Path)} does, with a choice for classes that are not known. */
    public static TorchFile open(Path path, Unknown unknown) throws IOException {
        FileKind kind = FileKind.of(path);
        return switch (kind) {
            case TORCH_ZIP -> {
                TorchArchive archive = TorchArchive.open(path);
                yield open(archive.file(), kind, () -> content(archive, unknown));
            }
            case TORCH_STREAM -> {
                FileBytes file = FileBytes.open(path);
                yield open(file, kind, () -> StreamCheckpoint.read(file, unknown));
            }
            case SAFETENSORS, SHARD_INDEX ->
                throw new CheckpointFormatException(
                        path, "is not a PyTorch checkpoint but a safetensors file, whatever its name says");
        };
    }

    /** Reads what a checkpoint holds. */
    @FunctionalInterface
    private interface Content {
        TorchValue read() throws IOException;
    }

    private static TorchFile open(FileBytes file, FileKind kind, Content content) throws IOException {
        try {
            return new TorchFile(file, kind, content.read());
        } catch (IOException | RuntimeException | Error e) {
            file.close();
            throw e;
        }
    }

    private static TorchValue content(TorchArchive archive, Unknown unknown) throws IOException {
        PickleInput pickle = PickleInput.of("data.pkl", archive.content("data.pkl", MAX_PICKLE_BYTES));
        PickleObjects objects = new PickleObjects(unknown, new TensorRebuild(new ZipStorages(archive)));
        return PickleReader.read(archive.file().path(), pickle, objects);
    }

    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public String format() {
        return kind == FileKind.TORCH_ZIP ? "PyTorch checkpoint" : "PyTorch checkpoint (format before 1.6)";
    }

    /** Returns everything in the file, as it is nested there. */
    public TorchValue root() {
        return root;
    }

    @Override
    public Set<String> sections() {
        return Collections.unmodifiableSet(sections.keySet());
    }

    @Override
    public StateDict stateDict(String section) throws CheckpointFormatException {
        StateDict found = sections.get(section);
        if (found == null) {
            throw Sections.missing(path(), sections(), section);
        }
        return found;
    }

    @Override
    public Map<String, String> metadata() {
        Map<String, String> texts = new LinkedHashMap<>();
        if (root instanceof TorchValue.Dict dict) {
            dict.entries().forEach((key, value) -> {
                if (key instanceof TorchValue.Text name) {
                    scalar(value).ifPresent(text -> texts.put(name.value(), text));
                }
            });
        }
        return Collections.unmodifiableMap(texts);
    }

    private static Optional<String> scalar(TorchValue value) {
        if (value instanceof TorchValue.Text text) {
            return Optional.of(text.value());
        }
        if (value instanceof TorchValue.Whole whole) {
            return Optional.of(whole.value().toString());
        }
        if (value instanceof TorchValue.Real real) {
            return Optional.of(Double.toString(real.value()));
        }
        return value instanceof TorchValue.Bool bool ? Optional.of(Boolean.toString(bool.value())) : Optional.empty();
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
