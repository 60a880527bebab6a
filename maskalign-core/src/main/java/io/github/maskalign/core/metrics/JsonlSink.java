package io.github.maskalign.core.metrics;

import com.google.gson.JsonParseException;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.JsonWriter;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ThreadLocalRandom;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Appends one JSON object per line: {@code {"step":120,"time":1732270000.123,"loss":0.5312}}.
 *
 * <p>{@code step} is an integer and {@code time} is Unix time in seconds; these two names are taken. JSON
 * has no non-finite numbers, so they are the strings {@code "NaN"}, {@code "Infinity"} and
 * {@code "-Infinity"}, which {@code Double.parseDouble} and Python's {@code float} read. Each record is
 * handed to the operating system before the call returns, and a record that could only be written in part
 * is overwritten by the next one. Pictures are not recorded.
 */
public final class JsonlSink extends FileSink {
    private JsonlSink(Path file, Clock clock) throws IOException {
        super(file, clock);
    }

    /**
     * Opens {@code file} to continue at {@code firstStep}, creating it if it is not there.
     *
     * <p>A run that stopped between two checkpoints has recorded steps which it will do again. Records of
     * steps {@code >= firstStep} are dropped, and so is a last line without its line end, which a killed
     * process leaves behind. The old file stays in place until the shortened one is safely on disk.
     *
     * @param firstStep smallest step that will be recorded from here on; 0 starts the file afresh
     * @throws IOException if the file cannot be read or written
     */
    public static JsonlSink open(Path file, long firstStep) throws IOException {
        return open(file, firstStep, Clock.systemUTC());
    }

    static JsonlSink open(Path file, long firstStep, Clock clock) throws IOException {
        requireFirstStep(firstStep);
        JsonlResume.dropFrom(file, firstStep);
        return new JsonlSink(file, clock);
    }

    @Override
    public void scalars(long step, Map<String, Double> values) throws IOException {
        append(line(checked(step), values).getBytes(StandardCharsets.UTF_8));
    }

    /** Does nothing: the file is for numbers. */
    @Override
    public void image(long step, String tag, byte[] png, int width, int height) {}

    private String line(long step, Map<String, Double> values) throws IOException {
        StringWriter text = new StringWriter();
        try (JsonWriter json = new JsonWriter(text)) {
            json.beginObject();
            json.name("step").value(step);
            json.name("time").value(BigDecimal.valueOf(clock.millis(), 3));
            for (Map.Entry<String, Double> entry : values.entrySet()) {
                String name = entry.getKey();
                if (name.equals("step") || name.equals("time")) {
                    throw new IllegalArgumentException("A scalar must not be named 'step' or 'time', "
                            + "which every record has, but one was named '" + name + "'");
                }
                double value = entry.getValue();
                json.name(name);
                if (Double.isFinite(value)) {
                    json.value(value);
                } else {
                    json.value(Double.toString(value));
                }
            }
            json.endObject();
        }
        return text.append('\n').toString();
    }

    /** Cuts a JSON Lines file back to the records before a step. */
    static final class JsonlResume {
        private static final Logger LOG = LoggerFactory.getLogger(JsonlSink.class);

        private JsonlResume() {}

        /** Rewrites {@code file} without the lines that will come again; leaves it alone if there are none. */
        static void dropFrom(Path file, long firstStep) throws IOException {
            if (!Files.exists(file)) {
                return;
            }
            Path folder = file.toAbsolutePath().getParent();
            // a new name each time: a leftover that cannot be opened is in nobody's way
            Path kept = file.resolveSibling(String.format(
                    Locale.ROOT,
                    ".%s.tmp-%016x",
                    file.getFileName(),
                    ThreadLocalRandom.current().nextLong()));
            long dropped;
            try {
                try (InputStream in = new BufferedInputStream(Files.newInputStream(file));
                        OutputStream out =
                                new BufferedOutputStream(Files.newOutputStream(kept, StandardOpenOption.CREATE_NEW))) {
                    dropped = copyBefore(in, out, firstStep, file);
                }
                if (dropped == 0) {
                    return;
                }
                force(kept, StandardOpenOption.WRITE);
                Files.move(kept, file, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(kept);
            }
            if (folder != null) {
                force(folder, StandardOpenOption.READ);
            }
            LOG.info("{}: dropped {} lines from step {} on, which will be recorded again", file, dropped, firstStep);
        }

        private static long copyBefore(InputStream in, OutputStream out, long firstStep, Path file) throws IOException {
            long dropped = 0;
            long number = 0;
            ByteArrayOutputStream line = new ByteArrayOutputStream(1024);
            for (int b = in.read(); b >= 0; b = in.read()) {
                line.write(b);
                if (b != '\n') {
                    continue;
                }
                number++;
                OptionalLong step = step(line.toString(StandardCharsets.UTF_8));
                if (step.isEmpty()) {
                    LOG.warn("{}:{}: kept a line that is no record with a step", file, number);
                }
                if (step.isPresent() && step.getAsLong() >= firstStep) {
                    dropped++;
                } else {
                    line.writeTo(out);
                }
                line.reset();
            }
            return line.size() == 0 ? dropped : dropped + 1; // the last line has no line end: torn
        }

        /** Returns the step of a complete record, or empty if the line is not one JSON object with a step. */
        private static OptionalLong step(String line) {
            OptionalLong step = OptionalLong.empty();
            try (JsonReader json = new JsonReader(new StringReader(line))) {
                json.beginObject();
                while (json.hasNext()) {
                    if (json.nextName().equals("step") && json.peek() == JsonToken.NUMBER) {
                        step = OptionalLong.of(json.nextLong());
                    } else {
                        json.skipValue();
                    }
                }
                json.endObject();
                return json.peek() == JsonToken.END_DOCUMENT ? step : OptionalLong.empty();
            } catch (IOException | IllegalStateException | NumberFormatException | JsonParseException e) {
                return OptionalLong.empty();
            }
        }

        private static void force(Path path, StandardOpenOption option) throws IOException {
            try (FileChannel channel = FileChannel.open(path, option)) {
                channel.force(true);
            }
        }
    }
}
