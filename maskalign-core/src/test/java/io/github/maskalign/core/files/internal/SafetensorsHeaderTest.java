package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsFile;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.TestFiles;
import io.github.maskalign.core.files.internal.SafetensorsHeader.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each rule of the format, and that breaking it is the documented exception. */
class SafetensorsHeaderTest {
    private static final String A = "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}";

    @TempDir
    Path folder;

    private SafetensorsFile open(byte[] content) throws IOException {
        return SafetensorsFile.open(Files.write(folder.resolve("x.safetensors"), content));
    }

    private void assertRefused(byte[] content, String... message) {
        assertThatThrownBy(() -> open(content))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageStartingWith(folder.resolve("x.safetensors") + ": ")
                .hasMessageContainingAll(message);
    }

    private void assertRefused(String header, int dataBytes, String... message) {
        assertRefused(TestFiles.safetensors(header, dataBytes), message);
    }

    private void assertAccepted(String header, int dataBytes) throws IOException {
        open(TestFiles.safetensors(header, dataBytes)).close();
    }

    private static String tensor(String name, String dtype, String shape, String offsets) {
        return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets
                + "}";
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 7})
    void fileShorterThanTheLengthField(int size) {
        assertRefused(new byte[size], "at least 8 bytes", "has " + size);
    }

    @Test
    void headerLongerThanTheFile() {
        byte[] bytes = TestFiles.safetensors("{}", 0);
        bytes[0] = 3;
        assertRefused(bytes, "the header has 3 bytes but the file ends 2 bytes after its start");
    }

    @ParameterizedTest
    @CsvSource({
        "16777217, 16777217",
        "100000001, 100000001",
        "-1, 18446744073709551615",
        "-9223372036854775808, 9223372036854775808",
        "9223372036854775807, 9223372036854775807"
    })
    void headerBombIsRefusedBeforeItIsAllocated(long length, String shown) {
        byte[] bytes = TestFiles.safetensors("{}", 0);
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, length);
        assertRefused(bytes, "at most 16777216 bytes but has " + shown);
    }

    @Test
    void limitOfTheHeaderCanBeChosen() throws Exception {
        String header = "{" + A + "}" + " ".repeat(100);
        Path file = Files.write(folder.resolve("x.safetensors"), TestFiles.safetensors(header, 8));

        SafetensorsFile.open(file, header.length()).close();
        assertThatThrownBy(() -> SafetensorsFile.open(file, header.length() - 1))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("at most " + (header.length() - 1));
        assertThatThrownBy(() -> SafetensorsFile.open(file, 100_000_001)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void minimalFileHasNothing() throws Exception {
        try (SafetensorsFile file = open(TestFiles.safetensors("{}", 0))) {
            assertThat(file.tensors()).isEmpty();
            assertThat(file.metadata()).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}   ", " {}", "\n\t{}\r\n", "{ \"__metadata__\" : { } }"})
    void whiteSpaceAroundJsonIsAllowed(String header) throws Exception {
        assertAccepted(header, 0);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "[]",
                "null",
                "1",
                "\"a\"",
                "{",
                "{}}",
                "{}{}",
                "{}x",
                "{},",
                "{,}",
                "{'a':1}",
                "{a:1}",
                "{}\u0000",
                "//\n{}",
                "{}#",
                "{\"__metadata__\":{}",
                "{\"__metadata__\":{},}",
                "{\"__metadata__\":{\"a\":\"\n\"}}",
                "{\"__metadata__\":{\"a\":\"\\x41\"}}",
                "{\"__metadata__\":{\"a\";\"b\"}}",
                "{\"__metadata__\"={\"a\":\"b\"}}",
                ")]}'\n{}"
            })
    void notOneJsonObject(String header) {
        assertRefused(header, 0, "the header");
    }

    @Test
    void byteOrderMark() {
        assertRefused("\ufeff{}", 0, "byte order mark");
    }

    @Test
    void notUtf8() {
        byte[] header = "{\"__metadata__\":{\"a\":\"?\"}}".getBytes(StandardCharsets.UTF_8);
        header[header.length - 4] = (byte) 0xff; // the question mark
        assertRefused(TestFiles.safetensors(header, 0), "must be UTF-8 text");
        byte[] overlong = TestFiles.safetensors("{}", 0);
        overlong[8] = (byte) 0xc1;
        overlong[9] = (byte) 0xbb; // '{' in two bytes
        assertRefused(overlong, "must be UTF-8 text");
    }

    @Test
    void halfASurrogatePair() {
        assertRefused("{\"\\ud800\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "surrogate");
        assertRefused("{\"__metadata__\":{\"a\":\"\\udc00\"}}", 0, "surrogate");
    }

    @ParameterizedTest
    @ValueSource(strings = {"1", "null", "[]", "{\"a\":1}", "{\"a\":null}", "{\"a\":{}}", "{\"a\":[\"b\"]}", "\"a\""})
    void metadataIsNotTexts(String metadata) {
        assertRefused("{\"__metadata__\":" + metadata + "}", 0, "__metadata__");
    }

    @Test
    void deepNestingIsRefusedAtOnce() {
        assertRefused("{\"a\":" + "[".repeat(1_000_000), 0, "tensor \"a\" must be an object but is an array");
        assertRefused("{\"a\":".repeat(200_000), 0, "the unknown field \"a\"");
    }

    @Test
    void duplicateKeysAtEveryLevel() {
        assertRefused("{" + A + "," + A + "}", 8, "the key \"a\" twice");
        assertRefused("{" + A + ",\"\\u0061\":{}}", 8, "the key \"a\" twice");
        assertRefused("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "twice");
        assertRefused("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, "the key \"k\" twice");
        assertRefused(
                "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
                8,
                "tensor \"a\" has the key \"dtype\" twice");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "{\"dtype\":\"F32\"}",
                "{\"dtype\":\"F32\",\"shape\":[2]}",
                "{\"dtype\":\"F32\",\"data_offsets\":[0,8]}",
                "{\"shape\":[2],\"data_offsets\":[0,8]}",
                "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"more\":0}",
                "{\"dtype\":null,\"shape\":[2],\"data_offsets\":[0,8]}",
                "{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}",
                "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":\"0,8\"}",
                "[\"F32\",[2],[0,8]]"
            })
    void tensorWithoutItsThreeFields(String tensor) {
        assertRefused("{\"a\":" + tensor + "}", 8, "tensor \"a\"");
    }

    @ParameterizedTest
    @ValueSource(strings = {"f32", "F33", "", "FLOAT", "F32 ", "COMPLEX"})
    void unknownType(String dtype) {
        assertRefused(
                "{" + tensor("a", dtype, "[2]", "[0,8]") + "}", 8, "unknown dtype \"" + dtype, "allowed are BOOL");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "2.0",
                "2e0",
                "-0",
                "-2",
                "\"2\"",
                "02",
                "+2",
                "9223372036854775808",
                "1e99",
                "NaN",
                "true",
                "[2]"
            })
    void numbersAreDigits(String number) {
        assertRefused("{" + tensor("a", "F32", "[" + number + "]", "[0,8]") + "}", 8, "a");
        assertRefused("{" + tensor("a", "F32", "[2]", "[0," + number.replace("2", "8") + "]") + "}", 8, "a");
    }

    @ParameterizedTest
    @ValueSource(strings = {"[]", "[0]", "[0,8,8]", "[8,0]", "[8,8]"})
    void offsetsAreNotAPair(String offsets) {
        assertRefused("{" + tensor("a", "F32", "[2]", offsets) + "}", 8, "tensor \"a\"", "data_offsets");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "F32;[2];[0,7]",
                "F32;[2];[0,9]",
                "F64;[2];[0,8]",
                "F32;[];[0,8]",
                "F32;[0];[0,8]",
                "F32;[2,0];[0,8]",
                "F4;[3];[0,1]", // 12 bits
                "F4;[3];[0,2]",
                "F6_E2M3;[2];[0,1]"
            })
    void sizeOfTheTensorDisagrees(String dtype, String shape, String offsets) {
        int data = Integer.parseInt(offsets.substring(3, offsets.length() - 1));
        assertRefused("{" + tensor("a", dtype, shape, offsets) + "}", data, "tensor \"a\" of type " + dtype, "give it");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[9223372036854775807]",
                "[9223372036854775807,2]",
                "[4294967296,4294967296]", // wraps to 0
                "[2305843009213693952]", // times 8 bits wraps to 0
                "[4611686018427387906]", // times 4 bytes wraps to 8
                "[9223372036854775807,9223372036854775807,2]"
            })
    void sizeOverflows(String shape) {
        assertRefused("{" + tensor("a", "F32", shape, "[0,8]") + "}", 8, "no whole number of bytes below 2^63");
        assertRefused("{" + tensor("a", "F32", shape, "[0,0]") + "}", 0, "no whole number of bytes below 2^63");
    }

    @Test
    void partsOfBytesAreAllowedWhenTheyAddUp() throws Exception {
        assertAccepted("{" + tensor("a", "F4", "[4]", "[0,2]") + "}", 2);
        assertAccepted("{" + tensor("a", "F6_E3M2", "[4]", "[0,3]") + "}", 3);
    }

    @Test
    void everyTypeOfTheFormatIsKnown() throws Exception {
        for (TensorType type : TensorType.values()) {
            int bytes = 8 * type.bits() / 8;
            try (SafetensorsFile file = open(
                    TestFiles.safetensors("{" + tensor("a", type.name(), "[8]", "[0," + bytes + "]") + "}", bytes))) {
                assertThat(file.tensors().get("a").type()).isEqualTo(type);
                assertThat(file.data("a").remaining()).isEqualTo(bytes);
            }
        }
    }

    @Test
    void holesAndOverlaps() {
        String b = "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[%d,%d]}";
        assertRefused("{" + String.format(b, 4, 12) + "}", 12, "tensor \"b\" begins at 4", "ends at 0");
        assertRefused("{" + A + "," + String.format(b, 12, 20) + "}", 20, "begins at 12", "ends at 8");
        assertRefused("{" + A + "," + String.format(b, 4, 12) + "}", 12, "begins at 4", "ends at 8");
        assertRefused("{" + A + "," + String.format(b, 0, 8) + "}", 8, "begins at 0", "ends at 8");
    }

    @Test
    void overlapBomb() {
        // A few kilobytes that claim gigabytes: all tensors are the same bytes.
        String header = IntStream.range(0, 1000)
                .mapToObj(i -> tensor("t" + i, "U8", "[1048576]", "[0,1048576]"))
                .collect(Collectors.joining(",", "{", "}"));
        assertRefused(header, 1 << 20, "without hole or overlap");
    }

    @Test
    void dataMustEndWithTheFile() {
        assertRefused("{" + A + "}", 7, "the tensors have 8 bytes but the file has 7");
        assertRefused("{" + A + "}", 9, "the tensors have 8 bytes but the file has 9");
        assertRefused("{}", 1, "the tensors have 0 bytes but the file has 1");
    }

    @Test
    void orderInTheHeaderDoesNotMatter() throws Exception {
        String b = tensor("b", "U8", "[3]", "[8,11]");
        String empty = tensor("e", "F32", "[0,5]", "[8,8]");
        try (SafetensorsFile file = open(TestFiles.safetensors("{" + b + "," + empty + "," + A + "}", 11))) {
            assertThat(file.tensors().keySet()).containsExactly("a", "e", "b");
            assertThat(file.tensors().get("e").shape()).isEqualTo(new Shape(0, 5));
            assertThat(file.tensors().get("b")).isEqualTo(new TensorInfo("b", TensorType.U8, new Shape(3), 8, 11));
        }
    }

    @Test
    void rankAtMostEight() throws Exception {
        assertAccepted("{" + tensor("a", "F32", "[1,1,1,1,1,1,1,2]", "[0,8]") + "}", 8);
        assertRefused(
                "{" + tensor("a", "F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]") + "}", 8, "shape must have at most 8 numbers");
    }

    @Test
    void namesAtMost512BytesWithoutControlCharacters() throws Exception {
        assertAccepted("{" + tensor("é".repeat(256), "F32", "[2]", "[0,8]") + "}", 8);
        assertRefused("{" + tensor("é".repeat(256) + "x", "F32", "[2]", "[0,8]") + "}", 8, "at most 512 bytes");
        assertRefused("{" + tensor("a\\u0000", "F32", "[2]", "[0,8]") + "}", 8, "control characters", "\"a\\u0000\"");
        assertRefused("{" + tensor("a\\n", "F32", "[2]", "[0,8]") + "}", 8, "control characters");
    }

    @Test
    void tooManyTensors() throws Exception {
        String most = IntStream.range(0, 100_000)
                .mapToObj(i -> tensor(Integer.toString(i), "F32", "[0]", "[0,0]"))
                .collect(Collectors.joining(","));
        assertAccepted("{" + most + "}", 0);
        assertAccepted("{\"__metadata__\":{}," + most + "}", 0);
        assertRefused("{" + most + "," + tensor("more", "F32", "[0]", "[0,0]") + "}", 0, "at most 100000 tensors");
    }

    @Test
    void longTextsAreShortenedInMessages() {
        assertThatThrownBy(() -> open(TestFiles.safetensors("{\"" + "n".repeat(1_000_000) + "\":1}", 0)))
                .isInstanceOf(CheckpointFormatException.class)
                .satisfies(e -> assertThat(e.getMessage().length()).isLessThan(1000));
    }
}
