package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Finds the state dicts in a checkpoint. A dict that holds a tensor is one, named by the texts that lead to it. From the
 * first number on, be it a key or a place in a list, the way is part of the tensor's key, as in {@code 0.exp_avg}.
 */
public final class Sections {
    /** The sections of a file that is one state dict. */
    static final Set<String> BARE = Set.of("");
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

    static void require(Path file, Set<String> sections, String section) throws CheckpointFormatException {
        if (!sections.contains(section)) {
            throw missing(file, sections, section);
        }
    }

    static CheckpointFormatException missing(Path file, Set<String> sections, String section) {
        return new CheckpointFormatException(
                file,
                "there is no state dict " + CheckpointFormatException.quote(section)
                        + (sections.isEmpty() ? ", and no tensor at all" : "; there are " + list(sections)));
    }

    /** Visits a value of a section; from the first number on, {@code key} is the way to it. */
    private void visit(TorchValue value, @Nullable Name section, @Nullable Name key) throws CheckpointFormatException {
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
                if (key == null && entry.getKey() instanceof TorchValue.Text && !(item instanceof TorchValue.Tensor)) {
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

    private void add(@Nullable Name section, @Nullable Name key, TensorSource tensor) throws CheckpointFormatException {
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
