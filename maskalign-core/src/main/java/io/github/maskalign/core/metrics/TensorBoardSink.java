package io.github.maskalign.core.metrics;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * Writes TensorBoard event files, {@code events.out.tfevents.<unix seconds>.<host>}: scalars as float32
 * and PNG pictures.
 *
 * <p>Each opening starts a new file; TensorBoard merges the files of a folder. When a run resumes, the new
 * file says from which step on it replaces the older ones, so no step is drawn twice. A record that could
 * only be written in part is overwritten by the next one.
 */
public final class TensorBoardSink extends FileSink {
    /** Signature, then IHDR: length, type, width, height, bit depth, colour type. */
    private static final int PNG_HEADER_BYTES = 26;

    private static final long PNG_SIGNATURE = 0x89504E470D0A1A0AL;

    private TensorBoardSink(Path file, Clock clock) throws IOException {
        super(file, clock);
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
        requireFirstStep(firstStep);
        Files.createDirectories(folder);
        String name = "events.out.tfevents." + clock.millis() / 1000 + "." + host;
        TensorBoardSink sink = new TensorBoardSink(createNew(folder, name), clock);
        try {
            sink.append(EventEncoder.fileVersion(sink.now()));
            sink.append(EventEncoder.sessionStart(sink.now(), firstStep));
        } catch (IOException e) {
            sink.abandon();
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

    private double now() {
        return clock.millis() / 1000.0;
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

    /**
     * TensorBoard's event records as bytes.
     *
     * <p>A record is: length (u64, little-endian), masked CRC-32C of these 8 bytes (u32), payload, masked
     * CRC-32C of the payload (u32), where {@code mask(c) = rotateRight(c, 15) + 0xa282ead8}. The payload is a
     * protobuf {@code Event}; only the few fields that are used are encoded here, by hand.
     */
    static final class EventEncoder {
        private static final int VARINT = 0;
        private static final int FIXED64 = 1;
        private static final int BYTES = 2;
        private static final int FIXED32 = 5;

        private static final int EVENT_WALL_TIME = 1;
        private static final int EVENT_STEP = 2;
        private static final int EVENT_FILE_VERSION = 3;
        private static final int EVENT_SUMMARY = 5;
        private static final int EVENT_SESSION_LOG = 7;
        private static final int SESSION_STATUS = 1;
        private static final int SESSION_START = 1;
        private static final int SUMMARY_VALUE = 1;
        private static final int VALUE_TAG = 1;
        private static final int VALUE_SIMPLE = 2;
        private static final int VALUE_IMAGE = 4;
        private static final int IMAGE_HEIGHT = 1;
        private static final int IMAGE_WIDTH = 2;
        private static final int IMAGE_COLORSPACE = 3;
        private static final int IMAGE_PNG = 4;

        private EventEncoder() {}

        /** The first record of every file. */
        static byte[] fileVersion(double wallTime) {
            Message event = event(wallTime, 0);
            event.bytes(EVENT_FILE_VERSION, "brain.Event:2".getBytes(StandardCharsets.UTF_8));
            return record(event);
        }

        /** Tells readers to forget what older files of the folder hold for steps {@code >= step}. */
        static byte[] sessionStart(double wallTime, long step) {
            Message session = new Message();
            session.varint(SESSION_STATUS, SESSION_START);
            Message event = event(wallTime, step);
            event.message(EVENT_SESSION_LOG, session);
            return record(event);
        }

        /** All scalars of one step. */
        static byte[] scalars(double wallTime, long step, Map<String, Double> values) {
            Message summary = new Message();
            values.forEach((tag, number) -> {
                Message value = new Message();
                value.bytes(VALUE_TAG, tag.getBytes(StandardCharsets.UTF_8));
                value.fixed32(VALUE_SIMPLE, Float.floatToIntBits(number.floatValue()));
                summary.message(SUMMARY_VALUE, value);
            });
            Message event = event(wallTime, step);
            event.message(EVENT_SUMMARY, summary);
            return record(event);
        }

        /** One picture; {@code channels} is 1 grey, 2 grey with alpha, 3 colour, 4 colour with alpha. */
        static byte[] image(double wallTime, long step, String tag, byte[] png, int width, int height, int channels) {
            Message image = new Message();
            image.varint(IMAGE_HEIGHT, height);
            image.varint(IMAGE_WIDTH, width);
            image.varint(IMAGE_COLORSPACE, channels);
            image.bytes(IMAGE_PNG, png);
            Message value = new Message();
            value.bytes(VALUE_TAG, tag.getBytes(StandardCharsets.UTF_8));
            value.message(VALUE_IMAGE, image);
            Message summary = new Message();
            summary.message(SUMMARY_VALUE, value);
            Message event = event(wallTime, step);
            event.message(EVENT_SUMMARY, summary);
            return record(event);
        }

        private static Message event(double wallTime, long step) {
            Message event = new Message();
            event.fixed64(EVENT_WALL_TIME, Double.doubleToLongBits(wallTime));
            if (step != 0) { // protobuf leaves zeros out
                event.varint(EVENT_STEP, step);
            }
            return event;
        }

        private static byte[] record(Message event) {
            byte[] payload = event.toByteArray();
            byte[] length = ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(payload.length)
                    .array();
            return ByteBuffer.allocate(16 + payload.length)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .put(length)
                    .putInt(maskedCrc(length))
                    .put(payload)
                    .putInt(maskedCrc(payload))
                    .array();
        }

        static int maskedCrc(byte[] bytes) {
            CRC32C crc = new CRC32C();
            crc.update(bytes);
            return Integer.rotateRight((int) crc.getValue(), 15) + 0xa282ead8;
        }

        /** A protobuf message under construction. */
        private static final class Message {
            private final ByteArrayOutputStream out = new ByteArrayOutputStream();

            void varint(int field, long value) {
                raw((long) field << 3 | VARINT);
                raw(value);
            }

            void fixed64(int field, long bits) {
                raw((long) field << 3 | FIXED64);
                out.writeBytes(ByteBuffer.allocate(8)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(bits)
                        .array());
            }

            void fixed32(int field, int bits) {
                raw((long) field << 3 | FIXED32);
                out.writeBytes(ByteBuffer.allocate(4)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(bits)
                        .array());
            }

            void bytes(int field, byte[] value) {
                raw((long) field << 3 | BYTES);
                raw(value.length);
                out.writeBytes(value);
            }

            void message(int field, Message value) {
                bytes(field, value.toByteArray());
            }

            byte[] toByteArray() {
                return out.toByteArray();
            }

            private void raw(long value) {
                long rest = value;
                while ((rest & ~0x7FL) != 0) {
                    out.write((int) (rest & 0x7F | 0x80));
                    rest >>>= 7;
                }
                out.write((int) rest);
            }
        }
    }
}
