package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.files.WeightsFile.Unknown;
import io.github.maskalign.core.files.internal.TensorRebuild.Storages.ZipStorages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

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

    /**
     * Finds the state dicts in a checkpoint. A dict that holds a tensor is one, named by the texts that lead to it. From the
     * first number on, be it a key or a place in a list, the way is part of the tensor's key, as in {@code 0.exp_avg}.
     */
    public static final class Sections {
        /** The key of a file that holds one tensor and nothing around it. */
        static final String LONE_TENSOR = "tensor";

        /** Containers may stand in several places, so that a small file can describe a tree of any size. */
        private static final int MAX_VISITS = 2_000_000;

        private static final int MAX_TENSORS = 200_000;
        private static final int MAX_NAME = 1_000;

        private final Path file;
        private final Map<String, Map<String, TensorSource>> found = new LinkedHashMap<>();
        private int visits;
        private int tensors;

        private Sections(Path file) {
            this.file = file;
        }

        static Map<String, StateDict> of(Path file, TorchValue root) throws CheckpointFormatException {
            Sections sections = new Sections(file);
            sections.visit(root, null, null);
            Map<String, StateDict> out = new LinkedHashMap<>();
            sections.found.forEach((name, tensors) -> out.put(name, StateDict.ofTensors(file.toString(), tensors)));
            return out;
        }

        /** Returns names for a message. */
        public static String list(Set<String> sections) {
            return sections.stream()
                    .limit(50)
                    .map(CheckpointFormatException::quote)
                    .collect(Collectors.joining(", ", "", sections.size() > 50 ? ", …" : ""));
        }

        /** Weights without sections: all tensors are in the one of no name. */
        public interface Bare extends WeightsFile {
            @Override
            default Set<String> sections() {
                return Set.of("");
            }

            @Override
            StateDict stateDict() throws CheckpointFormatException;

            @Override
            default StateDict stateDict(String section) throws CheckpointFormatException {
                if (!section.isEmpty()) {
                    throw missing(path(), sections(), section);
                }
                return stateDict();
            }
        }

        static CheckpointFormatException missing(Path file, Set<String> sections, String section) {
            return new CheckpointFormatException(
                    file,
                    "there is no state dict " + CheckpointFormatException.quote(section)
                            + (sections.isEmpty() ? ", and no tensor at all" : "; there are " + list(sections)));
        }

        /** Visits a value of a section; from the first number on, {@code key} is the way to it. */
        private void visit(TorchValue value, @Nullable Name section, @Nullable Name key)
                throws CheckpointFormatException {
            if (++visits > MAX_VISITS) {
                throw new CheckpointFormatException(file, "describes more than " + MAX_VISITS + " values");
            }
            if (value instanceof TorchValue.Tensor tensor) {
                add(section, key, tensor.source());
            } else if (value instanceof TorchValue.Sequence list) {
                visitAll(list.items(), section, key);
            } else if (value instanceof TorchValue.Tuple tuple) {
                visitAll(tuple.items(), section, key);
            } else if (value instanceof TorchValue.Dict dict) {
                for (Map.Entry<TorchValue, TorchValue> entry : dict.entries().entrySet()) {
                    TorchValue item = entry.getValue();
                    String name = name(entry.getKey());
                    if (key == null
                            && entry.getKey() instanceof TorchValue.Text
                            && !(item instanceof TorchValue.Tensor)) {
                        visit(item, new Name(section, name), null);
                    } else {
                        visit(item, section, new Name(key, name));
                    }
                }
            }
        }

        private void visitAll(List<TorchValue> items, @Nullable Name section, @Nullable Name key)
                throws CheckpointFormatException {
            for (int i = 0; i < items.size(); i++) {
                visit(items.get(i), section, new Name(key, Integer.toString(i)));
            }
        }

        private void add(@Nullable Name section, @Nullable Name key, TensorSource tensor)
                throws CheckpointFormatException {
            if (++tensors > MAX_TENSORS) {
                throw new CheckpointFormatException(file, "describes more than " + MAX_TENSORS + " tensors");
            }
            String in = section == null ? "" : section.text(file);
            String name = key == null ? LONE_TENSOR : key.text(file);
            if (found.computeIfAbsent(in, s -> new LinkedHashMap<>()).put(name, named(tensor, in, name)) != null) {
                throw new CheckpointFormatException(
                        file,
                        "two tensors have the name " + CheckpointFormatException.quote(name) + " in the state dict "
                                + CheckpointFormatException.quote(in));
            }
        }

        private static TensorSource named(TensorSource tensor, String section, String key) {
            String where = section.isEmpty() ? "" : " of " + CheckpointFormatException.quote(section);
            return tensor instanceof StoredTensor stored
                    ? stored.named("tensor " + CheckpointFormatException.quote(key) + where)
                    : tensor;
        }

        private static String name(TorchValue key) {
            if (key instanceof TorchValue.Text text) {
                return text.value();
            }
            if (key instanceof TorchValue.Whole whole) {
                return whole.value().toString();
            }
            if (key instanceof TorchValue.Real real) {
                return Double.toString(real.value());
            }
            if (key instanceof TorchValue.Bool bool) {
                return Boolean.toString(bool.value());
            }
            return key.getClass().getSimpleName(); // None, or a tuple or object, of which only one can name a tensor
        }

        /** Keys joined with dots, put together only where a tensor is. */
        private record Name(@Nullable Name before, String last) {
            String text(Path file) throws CheckpointFormatException {
                long length = -1;
                for (Name part = this; part != null; part = part.before) {
                    length += 1 + part.last.length();
                }
                if (length > MAX_NAME) {
                    throw new CheckpointFormatException(
                            file,
                            "the keys that lead to a tensor must have at most " + MAX_NAME + " characters but have "
                                    + length + "; the last is " + CheckpointFormatException.quote(last));
                }
                return before == null ? last : before.text(file) + "." + last;
            }
        }
    }
}
