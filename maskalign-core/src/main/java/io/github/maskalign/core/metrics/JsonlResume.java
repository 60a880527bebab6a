package io.github.maskalign.core.metrics;

import com.google.gson.JsonParseException;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.StringReader;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.concurrent.ThreadLocalRandom;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Cuts a JSON Lines file back to the records before a step. */
final class JsonlResume {
    private static final Logger LOG = LoggerFactory.getLogger(JsonlResume.class);

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
