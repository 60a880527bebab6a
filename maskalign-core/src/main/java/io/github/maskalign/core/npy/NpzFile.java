package io.github.maskalign.core.npy;

import io.github.maskalign.core.io.CheckpointFormatException;
import io.github.maskalign.core.io.StateDict;
import io.github.maskalign.core.io.TensorSource;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * An open {@code .npz} file, as {@code numpy.savez} and {@code numpy.savez_compressed} write them: a zip file of
 * {@code .npy} entries, of any size.
 *
 * <p>Opening checks the zip directory and all headers; arrays are read when they are asked for, and none is ever held
 * whole unless it is in Fortran order. Reading a whole array compares the checksum of its entry when the last byte has
 * been delivered. Entries that do not end in {@code .npy} are ignored. A file that breaks a rule of zip or npy is
 * refused with {@link CheckpointFormatException}, and so is one that claims more than its {@link NpzLimits}.
 *
 * <p>All methods may be called by several threads at once.
 */
public final class NpzFile implements AutoCloseable {
    private static final String ENDING = ".npy";

    private final Path path;
    private final FileChannel channel;
    private final Map<String, NpyArray> arrays;

    private NpzFile(Path path, FileChannel channel, Map<String, NpyArray> arrays) {
        this.path = path;
        this.channel = channel;
        this.arrays = arrays;
    }

    /** Opens a file within {@link NpzLimits#DEFAULT}. */
    public static NpzFile open(Path path) throws IOException {
        return open(path, NpzLimits.DEFAULT);
    }

    /** Opens a file within these limits. */
    public static NpzFile open(Path path, NpzLimits limits) throws IOException {
        FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
        Map<String, NpyArray> arrays = new LinkedHashMap<>();
        try {
            for (ZipEntryInfo entry :
                    ZipDirectory.read(channel, path.toString(), limits).values()) {
                if (entry.name().endsWith(ENDING)) {
                    String key = entry.name().substring(0, entry.name().length() - ENDING.length());
                    arrays.put(key, array(channel, entry, path + ", array " + ZipHeaders.shown(key)));
                }
            }
            return new NpzFile(path, channel, Collections.unmodifiableMap(arrays));
        } catch (IOException | RuntimeException | Error e) {
            arrays.values().forEach(array -> array.shared().close());
            channel.close();
            throw e;
        }
    }

    /** Returns the names of the arrays, in the order of the file. */
    public Set<String> names() {
        return arrays.keySet();
    }

    /** Returns an array, read when it is needed; the file must be open then. */
    public TensorSource tensor(String name) throws CheckpointFormatException {
        return array(name).tensor();
    }

    /**
     * Returns rows [from, from + count) of an array: a part along its first dimension. Of an entry that is not packed
     * nothing else is read; a packed one is unpacked from its start or from where the last rows ended, so rows should
     * be read in order. The checksum is compared where rows are read in order from the first to the last.
     *
     * @throws IllegalArgumentException if they are not all there, or the array is a single number
     */
    public TensorSource rows(String name, long from, long count) throws CheckpointFormatException {
        return array(name).rows(from, count);
    }

    /** Returns all arrays; the file must be open when they are read. */
    public StateDict stateDict() {
        Map<String, TensorSource> sources = new LinkedHashMap<>();
        arrays.forEach((name, array) -> sources.put(name, array.tensor()));
        return StateDict.ofTensors(sources);
    }

    @Override
    public void close() throws IOException {
        arrays.values().forEach(array -> array.shared().close());
        channel.close();
    }

    private NpyArray array(String name) throws CheckpointFormatException {
        NpyArray array = arrays.get(name);
        if (array == null) {
            throw new CheckpointFormatException(
                    path, "there is no array " + ZipHeaders.shown(name) + " among its " + arrays.size());
        }
        return array;
    }

    private static NpyArray array(FileChannel channel, ZipEntryInfo entry, String origin) throws IOException {
        NpyArray.Opener opener;
        ByteSupply shared;
        if (entry.deflated()) {
            shared = new InflatedBytes(channel, entry, origin);
            opener = () -> new InflatedBytes(channel, entry, origin);
        } else {
            ByteSupply bytes = new ByteSupply.OfFile(channel, entry.dataStart(), origin);
            shared = bytes;
            opener = () -> new ByteSupply.Checked(bytes, entry.size(), entry.crc(), origin);
        }
        try {
            NpyHeader header = NpyHeader.read(shared, entry.size(), origin);
            if (header.dataSize() != entry.size() - header.dataStart()) {
                throw new CheckpointFormatException(
                        origin,
                        List.of("the array has " + header.dataSize() + " bytes but "
                                + (entry.size() - header.dataStart()) + " follow its header"));
            }
            if (!entry.deflated()) {
                shared = new ByteSupply.Watched(shared, header.dataStart(), entry.size(), entry.crc(), origin);
            }
            return new NpyArray(header, shared, opener, origin);
        } finally {
            shared.close(); // until rows are asked for, it needs no memory
        }
    }
}
