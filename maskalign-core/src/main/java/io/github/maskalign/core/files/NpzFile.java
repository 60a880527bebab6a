package io.github.maskalign.core.files;

import io.github.maskalign.core.files.internal.ByteSupply;
import io.github.maskalign.core.files.internal.FileBytes;
import io.github.maskalign.core.files.internal.NpyFile.NpyArray;
import io.github.maskalign.core.files.internal.NpyHeader;
import io.github.maskalign.core.files.internal.ZipArchive;
import io.github.maskalign.core.files.internal.ZipArchive.ZipEntryInfo;
import io.github.maskalign.core.files.internal.ZipArchive.ZipRules;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
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

    private final FileBytes file;
    private final Map<String, NpyArray> arrays;

    private NpzFile(FileBytes file, Map<String, NpyArray> arrays) {
        this.file = file;
        this.arrays = arrays;
    }

    /** Opens a file within {@link NpzLimits#DEFAULT}. */
    public static NpzFile open(Path path) throws IOException {
        return open(path, NpzLimits.DEFAULT);
    }

    /** Opens a file within these limits. */
    public static NpzFile open(Path path, NpzLimits limits) throws IOException {
        FileBytes file = FileBytes.open(path);
        Map<String, NpyArray> arrays = new LinkedHashMap<>();
        try {
            ZipArchive zip = ZipArchive.open(file, limits.rules());
            for (ZipEntryInfo entry : zip.entries()) {
                long begin = zip.begin(entry);
                if (entry.name().endsWith(ENDING)) {
                    String key = entry.name().substring(0, entry.name().length() - ENDING.length());
                    String origin = path + ", array " + CheckpointFormatException.quote(key);
                    arrays.put(key, array(file, zip, entry, begin, origin));
                }
            }
            return new NpzFile(file, Collections.unmodifiableMap(arrays));
        } catch (IOException | RuntimeException | Error e) {
            arrays.values().forEach(array -> array.shared().close());
            file.close();
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
        file.close();
    }

    private NpyArray array(String name) throws CheckpointFormatException {
        NpyArray array = arrays.get(name);
        if (array == null) {
            throw new CheckpointFormatException(
                    file.path(),
                    "there is no array " + CheckpointFormatException.quote(name) + " among its " + arrays.size());
        }
        return array;
    }

    private static NpyArray array(FileBytes file, ZipArchive zip, ZipEntryInfo entry, long begin, String origin)
            throws IOException {
        NpyArray.Opener opener;
        ByteSupply shared;
        if (entry.deflated()) {
            shared = zip.inflated(entry);
            opener = () -> zip.inflated(entry);
        } else {
            ByteSupply bytes = new ByteSupply.OfFile(file.channel(), begin, origin);
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

    /**
     * What an {@code .npz} file may claim before it is refused.
     *
     * @param maxEntries number of entries, at least 1
     * @param maxRatio how many bytes one packed byte may become in an entry of more than one MiB, at least 1. Deflate packs
     *     real data two to ten times and zeros a thousand times
     * @param maxPackedTotal sum of the unpacked sizes of all packed entries, at least 0; entries that are not packed are
     *     bounded by the file
     */
    public record NpzLimits(int maxEntries, double maxRatio, long maxPackedTotal) {
        /** 10,000 entries, a ratio of 100, 64 GiB in all. */
        public static final NpzLimits DEFAULT = new NpzLimits(10_000, 100, 64L << 30);

        /** Size up to which any ratio will do. */
        private static final long FREE_BYTES = 1 << 20;

        private static final int MAX_NAME_BYTES = 512;

        /** Checks the ranges. */
        public NpzLimits {
            if (maxEntries < 1 || maxEntries > 1_000_000) {
                throw new IllegalArgumentException("maxEntries must be in [1, 1000000] but was " + maxEntries);
            }
            if (!(maxRatio >= 1)) {
                throw new IllegalArgumentException("maxRatio must be at least 1 but was " + maxRatio);
            }
            if (maxPackedTotal < 0) {
                throw new IllegalArgumentException("maxPackedTotal must be at least 0 but was " + maxPackedTotal);
            }
        }

        public ZipRules rules() {
            return new ZipRules(
                    ZipRules.Layout.LOOSE,
                    List.of(StandardCharsets.US_ASCII),
                    MAX_NAME_BYTES,
                    maxEntries,
                    maxRatio,
                    FREE_BYTES,
                    maxPackedTotal,
                    "NpzLimits");
        }
    }
}
