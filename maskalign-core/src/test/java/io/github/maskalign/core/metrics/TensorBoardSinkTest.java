package io.github.maskalign.core.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.metrics.TensorBoardSink.EventEncoder;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorBoardSinkTest {
    private static final Clock NOON = Clock.fixed(Instant.ofEpochMilli(1_700_000_000_250L), ZoneOffset.UTC);

    @TempDir
    Path folder;

    @Test
    void writesTheBytesOfTensorBoardsOwnWriter() throws IOException {
        Map<String, Double> values = new LinkedHashMap<>();
        values.put("loss", 0.5);
        values.put("grad_norm/Größe", -1e-3);
        values.put("zero", 0.0);
        values.put("diverged", Double.NaN);

        try (TensorBoardSink sink = TensorBoardSink.open(folder, 300, NOON, "host")) {
            sink.scalars(300, values);
            sink.image(5_000_000_000L, "samples", redAndBlue(), 2, 1);
        }

        // made by scripts/golden/tensorboard_events.py
        try (InputStream golden = getClass().getResourceAsStream("/golden/tensorboard/events.bin")) {
            assertThat(folder.resolve("events.out.tfevents.1700000000.host")).hasBinaryContent(golden.readAllBytes());
        }
    }

    @Test
    void maskedChecksumIsTheOneOfTheStandardTestVector() {
        // CRC-32C of "123456789" is e3069283; the mask is rotateRight 15 + a282ead8
        assertThat(EventEncoder.maskedCrc("123456789".getBytes(StandardCharsets.US_ASCII)))
                .isEqualTo(Integer.rotateRight(0xe3069283, 15) + 0xa282ead8);
    }

    @Test
    void everyOpeningStartsANewFileThatSortsLater() throws IOException {
        TensorBoardSink.open(folder, 0, NOON, "host").close();
        TensorBoardSink.open(folder, 10, NOON, "host").close();

        try (Stream<Path> files = Files.list(folder)) {
            List<String> names =
                    files.map(file -> file.getFileName().toString()).sorted().toList();
            assertThat(names)
                    .containsExactly("events.out.tfevents.1700000000.host", "events.out.tfevents.1700000000.host.1");
        }
    }

    @Test
    void tornRecordIsOverwritten() throws IOException {
        Path file = folder.resolve("events.out.tfevents.1700000000.host");
        Path twin = folder.resolve("events.out.tfevents.1700000000.twin");
        try (TensorBoardSink sink = TensorBoardSink.open(folder, 0, NOON, "host");
                TensorBoardSink untouched = TensorBoardSink.open(folder, 0, NOON, "twin")) {
            Files.write(file, new byte[999], StandardOpenOption.APPEND);
            sink.scalars(1, Map.of("loss", 1.0));
            untouched.scalars(1, Map.of("loss", 1.0));
        }

        assertThat(file).hasSameBinaryContentAs(twin);
    }

    @Test
    void refusesPicturesThatAreNotWhatTheySay() throws IOException {
        try (TensorBoardSink sink = TensorBoardSink.open(folder, 0)) {
            assertThatThrownBy(() -> sink.image(1, "samples", new byte[99], 2, 1))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("image 'samples' must be a PNG file but is not one");
            assertThatThrownBy(() -> sink.image(1, "samples", redAndBlue(), 1, 2))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("image 'samples' must be 1 x 2 pixels but its PNG header says 2 x 1");
        }
    }

    /** The 2 x 1 picture of the golden script. */
    private static byte[] redAndBlue() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'});
        chunk(out, "IHDR", new byte[] {0, 0, 0, 2, 0, 0, 0, 1, 8, 2, 0, 0, 0});
        Deflater deflater = new Deflater(Deflater.NO_COMPRESSION);
        deflater.setInput(new byte[] {0, (byte) 0xff, 0, 0, 0, 0, (byte) 0xff});
        deflater.finish();
        byte[] pixels = new byte[64];
        int length = deflater.deflate(pixels);
        deflater.end();
        chunk(out, "IDAT", Arrays.copyOf(pixels, length));
        chunk(out, "IEND", new byte[0]);
        return out.toByteArray();
    }

    private static void chunk(ByteArrayOutputStream out, String type, byte[] body) throws IOException {
        ByteArrayOutputStream checked = new ByteArrayOutputStream();
        checked.writeBytes(type.getBytes(StandardCharsets.US_ASCII));
        checked.writeBytes(body);
        CRC32 crc = new CRC32();
        crc.update(checked.toByteArray());
        DataOutputStream data = new DataOutputStream(out);
        data.writeInt(body.length);
        data.write(checked.toByteArray());
        data.writeInt((int) crc.getValue());
    }
}
