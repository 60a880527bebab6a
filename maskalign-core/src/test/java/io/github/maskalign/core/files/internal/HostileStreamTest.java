package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.files.WeightsFile.Unknown;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The parts of the format before PyTorch 1.6 that the zip has not: refused, each with its reason, where they lie. */
class HostileStreamTest {
    private static final com.sun.management.ThreadMXBean THREADS =
            (com.sun.management.ThreadMXBean) java.lang.management.ManagementFactory.getThreadMXBean();
    private static final byte[] DATA = new byte[24];

    @TempDir
    Path folder;

    /** A whole tensor of 6 floats in the storage "0", and what is made of the file around it. */
    private static Arguments stream(String what, String reason, UnaryOperator<Streams> change) {
        return Arguments.of(what, reason, change);
    }

    private static Streams whole() {
        return new Streams().content(tensor());
    }

    private static byte[] tensor() {
        return Streams.pickle(Checkpoints.stream().tensor(6, 0, new long[] {6}, new long[] {1}));
    }

    private static byte[] pickle(UnaryOperator<Checkpoints> content) {
        return Streams.pickle(content.apply(Checkpoints.stream()));
    }

    static Stream<Arguments> parts() {
        return Stream.of(
                stream(
                        "another version",
                        "the version of the format must be 1001 but is 1000",
                        s -> s.with(1, pickle(p -> p.integer(1000))).storage("0", 6, DATA)),
                stream(
                        "a version that is a text",
                        "the version of the format must be a whole number",
                        s -> s.with(1, pickle(p -> p.text("1001"))).storage("0", 6, DATA)),
                stream(
                        "a machine that is a number",
                        "the facts about the machine must be a dict",
                        s -> s.with(2, pickle(p -> p.integer(1))).storage("0", 6, DATA)),
                stream(
                        "a big-endian machine",
                        "not known to be little-endian",
                        s -> s.with(
                                        2,
                                        pickle(p ->
                                                p.op('}').text("little_endian").op(0x89, 's')))
                                .storage("0", 6, DATA)),
                stream(
                        "a machine without its byte order",
                        "not known to be little-endian",
                        s -> s.with(2, pickle(p -> p.op('}'))).storage("0", 6, DATA)),
                stream(
                        "a storage among the facts",
                        "only the content of a checkpoint may refer to a storage",
                        s -> s.with(2, pickle(p -> p.storage(6))).storage("0", 6, DATA)),
                stream(
                        "a storage among the keys",
                        "only the content of a checkpoint may refer to a storage",
                        s -> s.with(4, pickle(p -> p.storage(6)))),
                stream(
                        "keys that call something",
                        "names \"os.system\"",
                        s -> s.with(
                                4,
                                pickle(p -> p.name("os", "system").text("true").op(0x85, 'R')))),
                stream(
                        "keys that are no list",
                        "the keys of the storages must be a list",
                        s -> s.with(4, pickle(p -> p.text("0")))),
                stream(
                        "a key that is a number",
                        "the key of a storage must be a text",
                        s -> s.with(4, pickle(p -> p.op(']').integer(0).op('a')))),
                stream("no storage", "refers to the storage \"0\", which the file lacks", s -> s),
                stream(
                        "another storage",
                        "has the storage \"1\", which no tensor lies in",
                        s -> s.storage("1", 6, DATA)),
                stream(
                        "a storage too many",
                        "has the storage \"1\", which no tensor lies in",
                        s -> s.storage("0", 6, DATA).storage("1", 6, DATA)),
                stream(
                        "a storage twice",
                        "has the storage \"0\" twice",
                        s -> s.storage("0", 6, DATA).storage("0", 6, DATA)),
                stream("a count that is too small", "6 elements of 4 bytes but has 5", s -> s.storage("0", 5, DATA)),
                stream("a count that is too large", "6 elements of 4 bytes but has 7", s -> s.storage("0", 7, DATA)),
                stream("a negative count", "6 elements of 4 bytes but has -1", s -> s.storage("0", -1, DATA)),
                stream("a count of 2^63 - 1", "but has 9223372036854775807", s -> s.storage("0", Long.MAX_VALUE, DATA)),
                stream(
                        "a storage cut off",
                        "the storage \"0\" needs 24 bytes",
                        s -> s.storage("0", 6, Arrays.copyOf(DATA, 23))),
                stream(
                        "a count cut off",
                        "the storage \"0\" needs 8 bytes",
                        s -> s.with(4, pickle(p -> p.op(']').text("0").op('a'))).raw(new byte[7])),
                stream("bytes behind the end", "but has 1 bytes more", s -> s.storage("0", 6, new byte[25])),
                stream(
                        "a checkpoint behind the checkpoint",
                        "bytes more",
                        s -> s.storage("0", 6, DATA)
                                .raw(whole().storage("0", 6, DATA).bytes())),
                stream(
                        "a storage larger than the file",
                        "the storage \"0\" must have 1099511627776 elements of 4 bytes but the whole file has ",
                        s -> s.content(pickle(p -> p.tensor(1L << 40, 0, new long[] {6}, new long[] {1})))
                                .storage("0", 1L << 40, DATA)),
                stream(
                        "a storage whose bytes have 65 bits",
                        "but the whole file has ",
                        s -> s.content(pickle(p -> p.tensor(1L << 62, 0, new long[] {6}, new long[] {1})))
                                .storage("0", 1L << 62, DATA)),
                stream(
                        "a storage of two sizes",
                        "is told to have 5 elements of the type F32 but was told before to have 6 of F32",
                        s -> s.content(pickle(
                                        p -> p.op('(').storage(6).storage(5).op('t')))
                                .storage("0", 6, DATA)),
                stream(
                        "a storage of two types",
                        "is told to have 6 elements of the type I32 but was told before to have 6 of F32",
                        s -> s.content(pickle(p -> p.op('(')
                                        .storage(6)
                                        .storage("IntStorage", 6)
                                        .op('t')))
                                .storage("0", 6, DATA)),
                stream(
                        "a storage without a type",
                        "the storage \"0\" must have an element type",
                        s -> s.content(pickle(p -> p.storage("UntypedStorage", 24)))
                                .storage("0", 24, DATA)),
                stream(
                        "a storage as zips tell it",
                        "must be a known storage",
                        s -> s.content(pickle(p -> p.op('(')
                                        .text("storage")
                                        .name("torch", "FloatStorage")
                                        .text("0")
                                        .text("cpu")
                                        .integer(6)
                                        .op('t', 'Q')))
                                .storage("0", 6, DATA)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("parts")
    void partThatDoesNotFitIsRefused(String what, String reason, UnaryOperator<Streams> change) throws Exception {
        refused(change.apply(whole()).bytes(), reason);
    }

    static Stream<Arguments> views() {
        return Stream.of(
                Arguments.of("beyond the end", 3, 4, "a part of 4 elements from 3 on must lie in its storage of 6"),
                Arguments.of("behind the end", 7, 0, "a part of 0 elements from 7 on must lie in its storage of 6"),
                Arguments.of("of a negative size", 0, -1, "must be a whole number from 0"),
                Arguments.of("of all memory", 1, Long.MAX_VALUE, "must lie in its storage of 6"),
                Arguments.of("smaller than its tensor", 2, 3, "must lie in its storage of 3 elements"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("views")
    void partOfAStorageThatDoesNotFitIsRefused(String what, long offset, long size, String reason) throws Exception {
        refused(viewed(offset, size), reason);
    }

    @Test
    void partOfAStorageIsRead() throws Exception {
        Path file = Files.write(folder.resolve("view.pt"), viewed(2, 4));

        try (TorchFile opened = TorchFile.open(file)) {
            assertThat(opened.stateDict().get("tensor").floats()).containsExactly(2, 3, 4, 5);
        }
    }

    /** Four elements of a part of a storage that holds 0 to 5. */
    private static byte[] viewed(long offset, long size) {
        Checkpoints content =
                Checkpoints.stream().name("torch._utils", "_rebuild_tensor").op('(');
        content.op('(')
                .text("storage")
                .name("torch", "FloatStorage")
                .text("0")
                .text("cpu")
                .integer(6);
        content.op('(').text("part").integer(offset).integer(size).op('t', 't', 'Q');
        content.integer(0).integers(4).integers(1).op('t', 'R');
        ByteBuffer data = ByteBuffer.allocate(24).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        IntStream.range(0, 6).forEach(i -> data.putFloat(i));
        return new Streams()
                .content(Streams.pickle(content))
                .storage("0", 6, data.array())
                .bytes();
    }

    @Test
    void dictAsPython2WroteItIsRead() throws Exception { // lists of lists, and texts of bytes
        Checkpoints content =
                Checkpoints.stream().name("collections", "OrderedDict").ops("](](U\1b");
        content.tensor(6, 0, new long[] {6}, new long[] {1}).ops("e](U\1a");
        content.tensor(6, 2, new long[] {2}, new long[] {1}).op('e', 'e', 0x85, 'R');
        Path file = content.write(folder);

        try (TorchFile opened = TorchFile.open(file)) {
            assertThat(opened.stateDict("").keys()).containsExactly("b", "a");
            assertThat(opened.stateDict("").get("a").floats()).containsExactly(0, 0);
        }
    }

    @Test
    void classOfAModuleIsRefusedOrOnlyAName() throws Exception {
        Checkpoints content = Checkpoints.stream().op('(');
        content.op('(')
                .text("module")
                .name("research.models", "Net")
                .text("net.py")
                .text("class Net: pass");
        content.op('t', 'Q', ')', 0x81)
                .tensor(6, 0, new long[] {6}, new long[] {1})
                .op('t');
        byte[] bytes = new Streams()
                .content(Streams.pickle(content))
                .storage("0", 6, DATA)
                .bytes();
        Path file = Files.write(folder.resolve("module.pt"), bytes);

        assertThatThrownBy(() -> TorchFile.open(file))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining("names \"research.models.Net\"");
        try (TorchFile opened = TorchFile.open(file, Unknown.OPAQUE)) {
            assertThat(((TorchValue.Tuple) opened.root()).items().get(0)).hasToString("Opaque[research.models.Net]");
            assertThat(opened.stateDict("").keys()).containsExactly("1");
        }
    }

    @Test
    void knownClassIsNoModule() throws Exception {
        Checkpoints content = Checkpoints.stream().op('(').text("module").name("torch", "Tensor");
        content.text("a").text("b").op('t', 'Q');

        refused(new Streams().content(Streams.pickle(content)).bytes(), "must be a known storage");
    }

    @ParameterizedTest
    @ValueSource(strings = {"bare-stream", "views-stream", "protocol3-stream", "stream-2.3"})
    void everyBeginningOfAFileIsRefused(String name) throws Exception {
        byte[] whole = Files.readAllBytes(Samples.path(name + ".pt"));
        Path file = folder.resolve("cut.pt");
        Files.write(file, whole);

        for (int length = whole.length - 1; length >= 0; length--) {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                channel.truncate(length);
            }
            assertThatThrownBy(() -> WeightsFile.open(file))
                    .as("%d bytes", length)
                    .isInstanceOf(CheckpointFormatException.class);
        }
    }

    @Test
    void pickleIsReadInWindows() throws Exception {
        Checkpoints content = Checkpoints.stream().op('}', '(').text("long").text("é".repeat(100_000));
        for (int i = 0; i < 20_000; i++) { // operations of every length lie across the ends of windows
            content.text("k".repeat(1 + i % 13) + i).name("argparse", "Namespace");
        }
        byte[] bytes = new Streams().content(Streams.pickle(content.op('u'))).bytes();
        Path file = Files.write(folder.resolve("long.pt"), bytes);

        try (TorchFile opened = TorchFile.open(file)) {
            assertThat(opened.metadata()).containsEntry("long", "é".repeat(100_000));
            TorchValue.Dict root = (TorchValue.Dict) opened.root();
            assertThat(root.entries()).hasSize(20_001);
            assertThat(root.get("k".repeat(1 + 19_999 % 13) + 19_999).orElseThrow())
                    .hasToString("Opaque[argparse.Namespace]");
        }
    }

    @Test
    void textThatTheFileHasButNoPickleMayTakesNoMemory() throws Exception {
        byte[] head = new Streams()
                .content(Checkpoints.stream().op('X').u32(70 << 20).pickle())
                .head();
        Path file = folder.resolve("sparse.pt");
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(head));
            channel.write(ByteBuffer.allocate(1), 100L << 20);
        }
        long bytes = THREADS.getCurrentThreadAllocatedBytes();

        assertThatThrownBy(() -> TorchFile.open(file))
                .hasMessageContaining("a length of 73400320 is more than the ")
                .hasMessageContaining("of the 67108864 that the pickles of a checkpoint may have");
        assertThat(THREADS.getCurrentThreadAllocatedBytes() - bytes).isLessThan(4L << 20);
    }

    private void refused(byte[] bytes, String reason) throws IOException {
        Path file = Files.write(folder.resolve("hostile.pt"), bytes);
        for (Unknown unknown : List.of(Unknown.REFUSE, Unknown.OPAQUE)) {
            assertThatThrownBy(() -> TorchFile.open(file, unknown))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageStartingWith(file + ": ")
                    .hasMessageContaining(reason);
        }
    }
}
