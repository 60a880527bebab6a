package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.files.WeightsFile.Unknown;
import io.github.maskalign.core.files.internal.TorchValue.Bool;
import io.github.maskalign.core.files.internal.TorchValue.None;
import io.github.maskalign.core.files.internal.TorchValue.Real;
import io.github.maskalign.core.files.internal.TorchValue.Text;
import io.github.maskalign.core.files.internal.TorchValue.Whole;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every way in which protocols 2 to 4 write a constant, as Python's pickletools documents them. */
class PickleReaderTest {
    /** Bytes are skipped. */
    private static final Object BYTES = "Opaque[builtins.bytes]";

    @TempDir
    Path folder;

    static Stream<Arguments> constants() {
        return Stream.of(
                Arguments.of("NONE", hex("4e"), new None()),
                Arguments.of("NEWTRUE", hex("88"), new Bool(true)),
                Arguments.of("NEWFALSE", hex("89"), new Bool(false)),
                Arguments.of("BININT1", hex("4b ff"), whole(255)),
                Arguments.of("BININT2", hex("4d 01 80"), whole(0x8001)),
                Arguments.of("BININT", hex("4a fe ff ff ff"), whole(-2)),
                Arguments.of("LONG1 of no bytes", hex("8a 00"), whole(0)),
                Arguments.of("LONG1", hex("8a 02 00 80"), whole(-32768)),
                Arguments.of("LONG1, wider than a long", hex("8a 09 000000000000000001"), two(64)),
                Arguments.of("LONG4", hex("8b 02000000 ff 00"), whole(255)),
                Arguments.of("BINFLOAT", hex("47 3ff8000000000000"), new Real(1.5)),
                Arguments.of("BINUNICODE", hex("58 02000000 c3a9"), new Text("é")),
                Arguments.of("SHORT_BINUNICODE", hex("8c 02 c3a9"), new Text("é")),
                Arguments.of("BINUNICODE8", hex("8d 0200000000000000 c3a9"), new Text("é")),
                Arguments.of("SHORT_BINSTRING", hex("55 01 e9"), new Text("é")),
                Arguments.of("BINSTRING", hex("54 01000000 e9"), new Text("é")),
                Arguments.of("SHORT_BINBYTES", hex("43 02 0102"), BYTES),
                Arguments.of("BINBYTES", hex("42 02000000 0102"), BYTES),
                Arguments.of("BINBYTES8", hex("8e 0200000000000000 0102"), BYTES));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource
    void constants(String name, byte[] operation, Object expected) throws IOException {
        TorchValue found = read(operation);
        assertThat(found instanceof TorchValue.Opaque ? found.toString() : found)
                .isEqualTo(expected);
    }

    static Stream<Arguments> refusals() {
        return Stream.of(
                Arguments.of(hex("4a ff"), "a length of 4 is more than the"),
                Arguments.of(hex("58 ffffff7f 61"), "a length of 2147483647 is more than the"),
                Arguments.of(hex("8e ffffffffffffffff 61"), "a length of 18446744073709551615 is more than the"),
                Arguments.of(hex("8b 01040000"), "an integer must have at most 1024 bytes but has 1025"),
                Arguments.of(hex("8c 01 ff"), "a text must be UTF-8 but is"),
                Arguments.of(hex("93"), "the operation 0x93 does not occur in what torch.save writes"),
                Arguments.of(hex("49 31 0a"), "the operation 0x49 of protocol 0 or 1"),
                Arguments.of(hex("01"), "there is no operation 0x01"));
    }

    @ParameterizedTest
    @MethodSource
    void refusals(byte[] operation, String message) {
        assertThatThrownBy(() -> read(operation)).hasMessageContaining(message);
    }

    /** Reads {@code {"a": <operation>}}. */
    private TorchValue read(byte[] operation) throws IOException {
        ByteArrayOutputStream pickle = new ByteArrayOutputStream();
        pickle.writeBytes(hex("80 02 7d 8c 01 61"));
        pickle.writeBytes(operation);
        pickle.writeBytes(hex("73 2e"));
        Path file = Files.write(folder.resolve("x.pt"), Checkpoints.archive(pickle.toByteArray()));
        try (TorchFile opened = TorchFile.open(file, Unknown.OPAQUE)) {
            return ((TorchValue.Dict) opened.root()).get("a").orElseThrow();
        }
    }

    private static TorchValue whole(long value) {
        return new Whole(BigInteger.valueOf(value));
    }

    private static TorchValue two(int power) {
        return new Whole(BigInteger.TWO.pow(power));
    }

    private static byte[] hex(String text) {
        return HexFormat.of().parseHex(text.replace(" ", ""));
    }
}
