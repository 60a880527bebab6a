package io.github.maskalign.core.metrics;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Map;

/**
 * Writes TensorBoard event files, {@code events.out.tfevents.<unix seconds>.<host>}: scalars as float32
 * and PNG pictures.
 *
 * <p>Each opening starts a new file; TensorBoard merges the files of a folder. When a run resumes, the new
 * file says from which step on it replaces the older ones, so no step is drawn twice. A record that could
 * only be written in part is overwritten by the next one.
 */
public final class TensorBoardSink implements MetricSink {
    /** Signature, then IHDR: length, type, width, height, bit depth, colour type. */
    private static final int PNG_HEADER_BYTES = 26;

    private static final long PNG_SIGNATURE = 0x89504E470D0A1A0AL;

    private final Path file;
    private final Clock clock;

    // Not a FileChannel: a thread that is interrupted while it uses one closes it.
    private final RandomAccessFile out;
    private long end;

    private TensorBoardSink(Path file, Clock clock) throws IOException {
        this.file = file;
        this.clock = clock;
        this.out = new RandomAccessFile(file.toFile(), "rw");
    }

    /**
     * Starts a new event file in {@code folder}, creating the folder if it is not there.
     *
     * @param firstStep smallest step that will be recorded; what older files of the folder hold for this
     *     step and later ones is hidden by TensorBoard
     * @throws IOException if the file cannot be written
     */
    public static TensorBoardSink open(Path folder, long firstStep) throws IOException {
        return open(folder, firstStep, Clock.systemUTC(), hostName());
    }

    static TensorBoardSink open(Path folder, long firstStep, Clock clock, String host) throws IOException {
        if (firstStep < 0) {
            throw new IllegalArgumentException("firstStep must be >= 0 but was " + firstStep);
        }
        Files.createDirectories(folder);
        String name = "events.out.tfevents." + clock.millis() / 1000 + "." + host;
        TensorBoardSink sink = new TensorBoardSink(createNew(folder, name), clock);
        try {
            sink.append(EventEncoder.fileVersion(sink.now()));
            sink.append(EventEncoder.sessionStart(sink.now(), firstStep));
        } catch (IOException e) {
            sink.out.close();
            throw e;
        }
        return sink;
    }

    @Override
    public void scalars(long step, Map<String, Double> values) throws IOException {
        append(EventEncoder.scalars(now(), checked(step), values));
    }

    @Override
    public void image(long step, String tag, byte[] png, int width, int height) throws IOException {
        ByteBuffer header = ByteBuffer.wrap(png);
        if (png.length < PNG_HEADER_BYTES || header.getLong(0) != PNG_SIGNATURE) {
            throw new IllegalArgumentException("image '" + tag + "' must be a PNG file but is not one");
        }
        if (header.getInt(16) != width || header.getInt(20) != height) {
            throw new IllegalArgumentException("image '" + tag + "' must be " + width + " x " + height
                    + " pixels but its PNG header says " + header.getInt(16) + " x " + header.getInt(20));
        }
        append(EventEncoder.image(now(), checked(step), tag, png, width, height, channels(png[25])));
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

    private void append(byte[] record) throws IOException {
        if (out.length() != end) {
            out.setLength(end); // the rest of a record that failed half-way
        }
        out.seek(end);
        out.write(record);
        end += record.length;
    }

    private double now() {
        return clock.millis() / 1000.0;
    }

    private static long checked(long step) {
        if (step < 0) {
            throw new IllegalArgumentException("step must be >= 0 but was " + step);
        }
        return step;
    }

    private static int channels(byte pngColourType) {
        return switch (pngColourType) {
            case 0 -> 1;
            case 4 -> 2;
            case 6 -> 4;
            default -> 3;
        };
    }

    /** Two runs may start in one second: then the later file's name gets a number, and still sorts after. */
    private static Path createNew(Path folder, String name) throws IOException {
        for (int i = 0; ; i++) {
            Path file = folder.resolve(i == 0 ? name : name + "." + i);
            try {
                return Files.createFile(file);
            } catch (FileAlreadyExistsException e) {
                if (i == 999) {
                    throw e;
                }
            }
        }
    }

    /** The machine's own name, without asking a name server. */
    private static String hostName() {
        Path kernel = Path.of("/proc/sys/kernel/hostname");
        try {
            String name = Files.readString(kernel).strip().replaceAll("[^A-Za-z0-9._-]", "-");
            return name.isEmpty() ? "localhost" : name;
        } catch (IOException e) {
            return "localhost";
        }
    }
}
