package io.github.maskalign.core.metrics;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.time.Clock;

/** A sink that appends records to a file; one that could only be written in part is overwritten by the next. */
abstract class FileSink implements MetricSink {
    final Clock clock;
    private final Path file;

    // Not a FileChannel: a thread that is interrupted while it uses one closes it.
    private final RandomAccessFile out;
    private long end;

    FileSink(Path file, Clock clock) throws IOException {
        this.file = file;
        this.clock = clock;
        this.out = new RandomAccessFile(file.toFile(), "rw");
        this.end = out.length();
    }

    final void append(byte[] record) throws IOException {
        if (out.length() != end) {
            out.setLength(end); // the rest of a record that failed half-way
        }
        out.seek(end);
        out.write(record);
        end += record.length;
    }

    /** Closes the file as it is. */
    final void abandon() throws IOException {
        out.close();
    }

    static void requireFirstStep(long firstStep) {
        if (firstStep < 0) {
            throw new IllegalArgumentException("firstStep must be >= 0 but was " + firstStep);
        }
    }

    static long checked(long step) {
        if (step < 0) {
            throw new IllegalArgumentException("step must be >= 0 but was " + step);
        }
        return step;
    }

    @Override
    public void sync() throws IOException {
        out.getFD().sync();
    }

    /** Forces everything to disk and closes the file. */
    @Override
    public void close() throws IOException {
        try (out) {
            out.getFD().sync();
        }
    }

    @Override
    public String toString() {
        return file.toString();
    }
}
