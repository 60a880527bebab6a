package io.github.maskalign.core.files.internal;

import static io.github.maskalign.core.files.CheckpointFormatException.quote;

import io.github.maskalign.core.files.internal.ZipArchive.ZipEntryInfo;
import io.github.maskalign.core.files.internal.ZipArchive.ZipRules;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
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
    private static final int MAX_ENTRIES = 100_000;
    private static final int MAX_NAME_BYTES = 512;
    /** Entries must not be packed at all, so what they might unpack to does not matter. */
    private static final ZipRules RULES = new ZipRules(
            ZipRules.Layout.SEALED,
            List.of(StandardCharsets.UTF_8),
            MAX_NAME_BYTES,
            MAX_ENTRIES,
            Double.POSITIVE_INFINITY,
            0,
            Long.MAX_VALUE,
            "");

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
        ZipArchive zip = ZipArchive.open(file, RULES);
        for (ZipEntryInfo line : zip.entries()) {
            requireNoProgram(file, line.name());
        }
        Map<String, Entry> entries = new LinkedHashMap<>();
        String root = null;
        for (ZipEntryInfo line : zip.entries()) {
            String name = line.name();
            if (line.deflated()) {
                throw file.problem("the entry " + line.shown() + " is compressed, which PyTorch does not do to a "
                        + "checkpoint; if the file was packed again, unpack it and zip it without compression "
                        + "(zip -0 -D -r)");
            }
            int slash = name.indexOf('/');
            if (root == null) {
                root = name.substring(0, slash + 1);
            }
            if (slash < 0 || !name.startsWith(root)) {
                throw file.problem("is a zip but not a PyTorch checkpoint: entries must lie in one folder, but one is "
                        + line.shown());
            }
            entries.put(name.substring(slash + 1), new Entry(zip.begin(line), line.size(), line.crc()));
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
}
