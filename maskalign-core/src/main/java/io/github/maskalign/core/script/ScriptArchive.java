package io.github.maskalign.core.script;

import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Writes the container that {@code torch.jit.load} reads: a zip of stored entries under one folder,
 * with the pickled module, its constants, its code and one record for each tensor.
 */
final class ScriptArchive implements Closeable {
    /** Archive version whose operator schemas are the current ones; 3 would bring back an old gelu. */
    private static final String VERSION = "10\n";

    private final ZipOutputStream zip;

    ScriptArchive(OutputStream out) {
        zip = new ZipOutputStream(out);
        zip.setMethod(ZipOutputStream.STORED);
    }

    void module(String code, byte[] pickledModule) throws IOException {
        entry("data.pkl", pickledModule);
        entry("code/__torch__.py", code.getBytes(StandardCharsets.UTF_8));
        entry("constants.pkl", TensorPickle.emptyTuple());
        entry("version", VERSION.getBytes(StandardCharsets.US_ASCII));
        entry("byteorder", "little".getBytes(StandardCharsets.US_ASCII));
    }

    void tensor(int record, byte[] littleEndian) throws IOException {
        entry("data/" + record, littleEndian);
    }

    /** Adds a free file, readable with {@code torch.jit.load(..., _extra_files=...)}. */
    void extra(String name, String text) throws IOException {
        entry("extra/" + name, text.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public void close() throws IOException {
        zip.close();
    }

    private void entry(String name, byte[] bytes) throws IOException {
        CRC32 crc = new CRC32();
        crc.update(bytes);
        ZipEntry entry = new ZipEntry("archive/" + name);
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(bytes.length);
        entry.setCompressedSize(bytes.length);
        entry.setCrc(crc.getValue());
        entry.setTime(0L); // the same module gives the same bytes
        zip.putNextEntry(entry);
        zip.write(bytes);
        zip.closeEntry();
    }
}
