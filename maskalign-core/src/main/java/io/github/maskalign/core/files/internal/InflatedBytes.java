package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.internal.ZipArchive.ZipEntryInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/**
 * The unpacked bytes of a deflated zip entry. Reading on is cheap, reading from further back starts again.
 *
 * <p>Exactly the declared number of bytes must come out, and their checksum is compared when the last one does.
 */
public final class InflatedBytes implements AutoCloseable {
    private static final int PART_BYTES = 1 << 16;

    private final ZipBytes file;
    private final ZipEntryInfo entry;
    private final long begin;
    private final CRC32 crc = new CRC32();
    private @Nullable Inflater current;
    private long taken;
    private long given;

    InflatedBytes(ZipBytes file, ZipEntryInfo entry, long begin) {
        this.file = file;
        this.entry = entry;
        this.begin = begin;
    }

    /** Fills {@code target} with the unpacked bytes from {@code position} on, all of which must be there. */
    public synchronized void read(long position, ByteBuffer target) throws IOException {
        if (position < given) {
            close();
        }
        Inflater inflater = current == null ? new Inflater(true) : current;
        current = inflater;
        if (given < position) {
            ByteBuffer skipped = ByteBuffer.allocate((int) Math.min(PART_BYTES, position - given));
            while (given < position) {
                inflate(inflater, skipped.clear().limit((int) Math.min(skipped.capacity(), position - given)));
            }
        }
        inflate(inflater, target);
    }

    /** Reads what has not been read yet, and compares the checksum. */
    public synchronized void finish() throws IOException {
        read(entry.size(), ByteBuffer.allocate(0)); // which compares the checksum
    }

    /** Lets go of the memory; reading starts again at the beginning. */
    @Override
    public synchronized void close() {
        if (current != null) {
            current.end();
            current = null;
        }
        crc.reset();
        taken = 0;
        given = 0;
    }

    private void inflate(Inflater inflater, ByteBuffer target) throws IOException {
        int from = target.position();
        try {
            while (target.hasRemaining()) {
                if (inflater.inflate(target) == 0) {
                    supply(inflater);
                }
            }
        } catch (DataFormatException e) {
            throw damaged("its compressed data makes no sense", e);
        }
        crc.update(target.duplicate().limit(target.position()).position(from));
        given += target.position() - from;
        if (given == entry.size()) {
            requireEnd(inflater);
        }
    }

    /** Nothing may come after the last byte, packed or unpacked. */
    private void requireEnd(Inflater inflater) throws IOException {
        try {
            ByteBuffer more = ByteBuffer.allocate(1);
            while (!inflater.finished()) {
                if (inflater.inflate(more) > 0) {
                    throw damaged("more than the declared " + entry.size() + " bytes come out", null);
                }
                if (!inflater.finished()) {
                    supply(inflater);
                }
            }
        } catch (DataFormatException e) {
            throw damaged("its compressed data makes no sense", e);
        }
        if (inflater.getBytesRead() != entry.packedSize()) {
            throw damaged("its compressed data ends before it should", null);
        }
        if (crc.getValue() != entry.crc()) {
            throw damaged("its checksum is wrong", null);
        }
    }

    private void supply(Inflater inflater) throws IOException {
        if (inflater.finished() || inflater.needsDictionary() || taken == entry.packedSize()) {
            throw damaged("less than the declared " + entry.size() + " bytes come out", null);
        }
        ByteBuffer part = ByteBuffer.allocate((int) Math.min(PART_BYTES, entry.packedSize() - taken));
        file.fill(begin + taken, part);
        taken += part.position();
        inflater.setInput(part.flip());
    }

    private IOException damaged(String how, @Nullable Throwable cause) {
        return file.problem("the entry " + entry.shown() + " is damaged: " + how, cause);
    }
}
