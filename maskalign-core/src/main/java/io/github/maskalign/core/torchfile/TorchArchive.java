package io.github.maskalign.core.torchfile;

import static io.github.maskalign.core.io.CheckpointFormatException.quote;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/**
 * The container of a PyTorch checkpoint: a zip of stored entries under one folder.
 *
 * <p>The directory at the end and the header in front of each entry must say the same; entries must lie side by side,
 * from the first byte of the file to the directory, so that no byte of the file has two meanings or none.
 */
final class TorchArchive implements AutoCloseable {
    private static final int HEADER = 0x04034b50;
    private static final int HEADER_BYTES = 30;
    private static final int DESCRIPTOR = 0x08074b50;
    private static final int HAS_DESCRIPTOR = 8;
    private static final int MAX_NAME_BYTES = 512;
    private static final long ALL_ONES = 0xffffffffL;
    private static final int LARGEST_VERSION = 10;

    private final FileBytes file;
    private final Map<String, Entry> entries;

    /** A stored entry: {@code size} bytes from {@code begin}. */
    record Entry(long begin, long size, long crc) {}

    private TorchArchive(FileBytes file, Map<String, Entry> entries) {
        this.file = file;
        this.entries = entries;
    }

    static TorchArchive open(Path path) throws IOException {
        FileBytes file = FileBytes.open(path);
        try {
            TorchArchive archive = new TorchArchive(file, entries(file));
            archive.requireCheckpoint();
            return archive;
        } catch (IOException | RuntimeException | Error e) {
            file.close();
            throw e;
        }
    }

    FileBytes file() {
        return file;
    }

    /** Returns an entry by its name inside the folder, or null. */
    @Nullable
    Entry entry(String name) {
        return entries.get(name);
    }

    /** Returns the content of an entry, whose checksum must be right. */
    ByteBuffer content(String name, int maxBytes) throws IOException {
        Entry entry = entries.get(name);
        if (entry == null) {
            throw file.problem("has no entry " + quote(name) + ", so it is not a PyTorch checkpoint");
        }
        if (entry.size > maxBytes) {
            throw file.problem(quote(name) + " must have at most " + maxBytes + " bytes but has " + entry.size);
        }
        ByteBuffer bytes = file.read(entry.begin, (int) entry.size);
        CRC32 crc = new CRC32();
        crc.update(bytes.duplicate());
        if (entry.crc != 0 && crc.getValue() != entry.crc) { // PyTorch writes 0 when told not to compute it
            throw file.problem(quote(name) + " is damaged: its CRC-32 must be " + Long.toHexString(entry.crc)
                    + " but is " + Long.toHexString(crc.getValue()));
        }
        return bytes;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }

    private void requireCheckpoint() throws IOException {
        String version = text("version");
        if (!version.matches("[0-9]{1,4}") || Integer.parseInt(version) > LARGEST_VERSION) {
            throw file.problem("has the format version " + quote(version) + "; read here are 1 to " + LARGEST_VERSION);
        }
        if (entries.containsKey("byteorder") && !text("byteorder").equals("little")) {
            throw file.problem(
                    "was saved on a machine of the byte order " + quote(text("byteorder")) + "; read here is little");
        }
    }

    private String text(String name) throws IOException {
        return StandardCharsets.ISO_8859_1.decode(content(name, 64)).toString().strip();
    }

    private static Map<String, Entry> entries(FileBytes file) throws IOException {
        ZipDirectory directory = ZipDirectory.find(file);
        List<ZipDirectory.Line> lines = directory.lines();
        for (ZipDirectory.Line line : lines) {
            requireNoProgram(file, name(file, line.name()));
        }
        lines.sort(Comparator.comparingLong(ZipDirectory.Line::header));
        Map<String, Entry> entries = new LinkedHashMap<>();
        String root = null;
        long position = 0;
        for (int i = 0; i < lines.size(); i++) {
            ZipDirectory.Line line = lines.get(i);
            String name = name(file, line.name());
            if (!line.stored()) {
                throw file.problem("entry " + quote(name) + " is compressed, which PyTorch does not do to a checkpoint;"
                        + " if the file was packed again, unpack it and zip it without compression (zip -0 -D -r)");
            }
            if (line.header() != position) {
                throw file.problem(
                        "entry " + quote(name) + " begins at " + line.header() + " but the one before ends at "
                                + position + ": entries must lie side by side, without hole or overlap");
            }
            long next = i + 1 < lines.size() ? lines.get(i + 1).header() : directory.begin();
            Entry entry = entry(file, quote(name), line, next);
            position = next;
            int slash = name.indexOf('/');
            if (root == null) {
                root = name.substring(0, slash + 1);
            }
            if (slash < 0 || !name.startsWith(root)) {
                throw file.problem("is a zip but not a PyTorch checkpoint: entries must lie in one folder, but one is "
                        + quote(name));
            }
            if (entries.put(name.substring(slash + 1), entry) != null) {
                throw file.problem("has the entry " + quote(name) + " twice");
            }
        }
        if (position != directory.begin()) {
            throw file.problem("has bytes before its zip directory that belong to no entry");
        }
        return entries;
    }

    private static void requireNoProgram(FileBytes file, String name) throws IOException {
        String inside = name.substring(name.indexOf('/') + 1);
        if (inside.equals("constants.pkl") || inside.startsWith("code/")) {
            throw file.problem("is a TorchScript archive (torch.jit.save): a program, not a checkpoint. An encoder of "
                    + "kind TORCHSCRIPT runs it, where its source is trusted; its weights alone are saved by "
                    + "python -c \"import torch; torch.save(torch.jit.load('OLD', map_location='cpu').state_dict(), "
                    + "'NEW')\"");
        }
    }

    /** Compares the header in front of an entry, and what follows it up to {@code next}, with the directory's line. */
    private static Entry entry(FileBytes file, String name, ZipDirectory.Line line, long next) throws IOException {
        if (next - line.header() < HEADER_BYTES + line.name().length) {
            throw file.problem("entry " + name + " runs into the next");
        }
        ByteBuffer in = file.read(line.header(), HEADER_BYTES);
        boolean fits = in.getInt() == HEADER;
        in.getShort(); // version of the needed reader
        fits &= Short.toUnsignedInt(in.getShort()) == line.flags();
        fits &= in.getShort() == 0; // stored
        in.getInt(); // time and date
        long crc = Integer.toUnsignedLong(in.getInt());
        long[] sizes = {Integer.toUnsignedLong(in.getInt()), Integer.toUnsignedLong(in.getInt())};
        int nameBytes = Short.toUnsignedInt(in.getShort());
        byte[] extra = new byte[Short.toUnsignedInt(in.getShort())];
        long begin = line.header() + HEADER_BYTES + nameBytes + extra.length;
        if (begin > next || line.size() > next - begin) {
            throw file.problem("entry " + name + " runs into the next");
        }
        byte[] nameHere = new byte[nameBytes];
        file.read(line.header() + HEADER_BYTES, nameBytes).get(nameHere);
        file.read(line.header() + HEADER_BYTES + nameBytes, extra.length).get(extra);
        fits &= Arrays.equals(nameHere, line.name());
        long gap = next - begin - line.size();
        if ((line.flags() & HAS_DESCRIPTOR) != 0 && crc == 0 && unknown(sizes)) {
            fits &= descriptorFits(file, line, begin + line.size(), gap);
        } else {
            ZipExtra.widen(file, "entry " + name, extra, sizes);
            fits &= crc == line.crc() && sizes[0] == line.size() && sizes[1] == line.size();
            fits &= (line.flags() & HAS_DESCRIPTOR) != 0
                    ? descriptorFits(file, line, begin + line.size(), gap)
                    : gap == 0;
        }
        if (!fits) {
            throw file.problem(
                    "entry " + name + " is not the same in the zip directory and at its place " + line.header());
        }
        return new Entry(begin, line.size(), line.crc());
    }

    private static boolean unknown(long[] sizes) {
        return sizes[0] == sizes[1] && (sizes[0] == 0 || sizes[0] == ALL_ONES);
    }

    /** A descriptor repeats checksum and sizes behind the data, with a mark in front or without. */
    private static boolean descriptorFits(FileBytes file, ZipDirectory.Line line, long at, long bytes)
            throws IOException {
        if (bytes != 12 && bytes != 16 && bytes != 20 && bytes != 24) {
            return false;
        }
        ByteBuffer in = file.read(at, (int) bytes);
        if (bytes % 8 == 0 && in.getInt() != DESCRIPTOR) {
            return false;
        }
        boolean fits = Integer.toUnsignedLong(in.getInt()) == line.crc();
        while (in.hasRemaining()) {
            fits &= line.size() == (bytes >= 20 ? in.getLong() : Integer.toUnsignedLong(in.getInt()));
        }
        return fits;
    }

    private static String name(FileBytes file, byte[] utf8) throws IOException {
        String name;
        try {
            name = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(utf8))
                    .toString();
        } catch (CharacterCodingException e) {
            throw file.problem("the name of a zip entry must be UTF-8 text");
        }
        boolean allowed = utf8.length <= MAX_NAME_BYTES
                && !name.isEmpty()
                && name.chars().noneMatch(c -> c == '\\' || Character.isISOControl(c))
                && !name.matches("(?s)[A-Za-z]:.*");
        for (String part : name.split("/", -1)) {
            allowed &= !part.isEmpty() && !part.equals(".") && !part.equals("..");
        }
        if (!allowed) {
            throw file.problem("the name of a zip entry must be a plain path of at most " + MAX_NAME_BYTES
                    + " bytes below one folder but is " + quote(name));
        }
        return name;
    }
}
