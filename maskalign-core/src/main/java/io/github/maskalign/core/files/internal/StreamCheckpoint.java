package io.github.maskalign.core.files.internal;

import static io.github.maskalign.core.files.CheckpointFormatException.quote;

import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.WeightsFile.Unknown;
import io.github.maskalign.core.files.internal.TensorRebuild.Storages;
import io.github.maskalign.core.files.internal.TensorRebuild.Storages.StorageRecord;
import java.io.IOException;
import java.math.BigInteger;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The format that {@code torch.save} wrote before version 1.6, and still writes when it is asked to: a stream of five
 * pickles (a magic number, the version of the format, facts about the machine, the content, the keys of all storages)
 * and then the storages in the order of their keys, each as an int64 count and that many little-endian elements.
 *
 * <p>The pickles are read in a window and the storages where they are, so a file takes no memory for its size. Every
 * byte of the file belongs to one of the parts. Source: {@code torch/serialization.py}, {@code _legacy_save}.
 */
final class StreamCheckpoint implements Storages {
    private static final int MAX_PICKLE_BYTES = 64 << 20;
    private static final BigInteger MAGIC = new BigInteger("1950a86a20f9469cfc6c", 16);
    private static final int VERSION = 1001;

    private final FileBytes file;
    private final PickleInput in;
    private final Map<String, Place> storages = new LinkedHashMap<>();
    private boolean inContent;

    /** A storage that the content refers to; where it begins is told behind the content. */
    private static final class Place {
        final TensorType type;
        final long count;
        final int elementBytes;
        long begin = -1;

        Place(TensorType type, long count, int elementBytes) {
            this.type = type;
            this.count = count;
            this.elementBytes = elementBytes;
        }

        long begin() {
            return begin;
        }
    }

    private StreamCheckpoint(FileBytes file) {
        this.file = file;
        in = PickleInput.of(file, MAX_PICKLE_BYTES);
    }

    /** Reads the content; its tensors can be read once it is returned. */
    static TorchValue read(FileBytes file, Unknown unknown) throws IOException {
        return new StreamCheckpoint(file).read(unknown);
    }

    private TorchValue read(Unknown unknown) throws IOException {
        requireNumber("the magic number", MAGIC);
        requireNumber("the version of the format", BigInteger.valueOf(VERSION));
        requireLittleEndian(pickle(Unknown.REFUSE));
        inContent = true;
        TorchValue content = pickle(unknown);
        inContent = false;
        place(pickle(Unknown.REFUSE));
        return content;
    }

    private TorchValue pickle(Unknown unknown) throws IOException {
        return PickleReader.read(file.path(), in, new PickleObjects(unknown, new TensorRebuild(this)));
    }

    private void requireNumber(String what, BigInteger expected) throws IOException {
        TorchValue found = pickle(Unknown.REFUSE);
        if (!(found instanceof TorchValue.Whole whole)) {
            throw file.problem(what + " must be a whole number");
        }
        if (!whole.value().equals(expected)) {
            throw file.problem(what + " must be " + expected
                    + (whole.value().bitLength() <= 128 ? " but is " + whole.value() : ""));
        }
    }

    private void requireLittleEndian(TorchValue machine) throws IOException {
        if (!(machine instanceof TorchValue.Dict facts)) {
            throw file.problem("the facts about the machine must be a dict");
        }
        if (facts.get("little_endian").filter(new TorchValue.Bool(true)::equals).isEmpty()) {
            throw file.problem("was saved on a machine that is not known to be little-endian, which is not read here");
        }
    }

    @Override
    public FileBytes file() {
        return file;
    }

    @Override
    public boolean hasViews() {
        return true;
    }

    @Override
    public StorageRecord find(String key, @Nullable TensorType type, long count, int elementBytes) {
        if (!inContent) {
            throw new IllegalStateException("only the content of a checkpoint may refer to a storage");
        }
        if (type == null) { // PyTorch writes such for types that are newer than the format, and cannot read them either
            throw new IllegalStateException("the storage " + quote(key) + " must have an element type");
        }
        if (count > file.size() / elementBytes) {
            throw new IllegalStateException("the storage " + quote(key) + " must have " + count + " elements of "
                    + elementBytes + " bytes but the whole file has " + file.size() + " bytes");
        }
        Place place = storages.computeIfAbsent(key, k -> new Place(type, count, elementBytes));
        if (place.type != type || place.count != count) {
            throw new IllegalStateException("the storage " + quote(key) + " is told to have " + count
                    + " elements of the type " + type + " but was told before to have " + place.count + " of "
                    + place.type);
        }
        return new StorageRecord(key, type, place::begin, count * elementBytes);
    }

    /** Finds where the storages are. All that the content refers to must be listed, once, and nothing else. */
    private void place(TorchValue keys) throws IOException {
        if (!(keys instanceof TorchValue.Sequence list)) {
            throw file.problem("the keys of the storages must be a list");
        }
        long position = in.position();
        for (TorchValue item : list.items()) {
            if (!(item instanceof TorchValue.Text key)) {
                throw file.problem("the key of a storage must be a text");
            }
            position = place(key.value(), position);
        }
        for (Map.Entry<String, Place> storage : storages.entrySet()) {
            if (storage.getValue().begin < 0) {
                throw file.problem("refers to the storage " + quote(storage.getKey()) + ", which the file lacks");
            }
        }
        if (position != file.size()) {
            throw file.problem("must end with its last storage at byte " + position + " but has "
                    + (file.size() - position) + " bytes more");
        }
    }

    private long place(String key, long position) throws IOException {
        Place place = storages.get(key);
        if (place == null) {
            throw file.problem("has the storage " + quote(key) + ", which no tensor lies in");
        }
        if (place.begin >= 0) {
            throw file.problem("has the storage " + quote(key) + " twice");
        }
        if (file.size() - position < Long.BYTES) {
            throw cutOff(key, position, Long.BYTES);
        }
        long count = file.read(position, Long.BYTES).getLong();
        if (count != place.count) {
            throw file.problem("the storage " + quote(key) + " must have " + place.count + " elements of "
                    + place.elementBytes + " bytes but has " + count
                    + " at its place " + position);
        }
        place.begin = position + Long.BYTES;
        long bytes = count * place.elementBytes; // no more than the file has, see find
        if (bytes > file.size() - place.begin) {
            throw cutOff(key, place.begin, bytes);
        }
        return place.begin + bytes;
    }

    private IOException cutOff(String key, long position, long bytes) {
        return file.problem("ends too early: the storage " + quote(key) + " needs " + bytes + " bytes from byte "
                + position + " on, but the file has " + file.size() + "; it was cut off");
    }
}
