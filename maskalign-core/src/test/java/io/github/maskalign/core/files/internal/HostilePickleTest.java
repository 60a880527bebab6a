package io.github.maskalign.core.files.internal;

import static io.github.maskalign.core.files.internal.Refusal.program;
import static io.github.maskalign.core.files.internal.Refusal.refused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.WeightsFile.Unknown;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Pickles made to run something or to exhaust memory: refused, each with its reason. */
class HostilePickleTest {
    private static final com.sun.management.ThreadMXBean THREADS =
            (com.sun.management.ThreadMXBean) java.lang.management.ManagementFactory.getThreadMXBean();

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "os system",
                "posix system",
                "nt system",
                "builtins eval",
                "builtins exec",
                "builtins getattr",
                "builtins open",
                "builtins __import__",
                "__builtin__ eval",
                "__builtin__ apply",
                "subprocess Popen",
                "runpy run_path",
                "importlib import_module",
                "shutil rmtree",
                "socket socket",
                "webbrowser open",
                "operator attrgetter",
                "functools partial",
                "pickle loads",
                "_pickle loads",
                "torch load",
                "torch.hub load",
                "torch.jit load",
                "torch.storage _load_from_bytes",
                "torch._utils _rebuild_wrapper_subclass",
                "torch.serialization _get_layout",
                "numpy load",
                "numpy.f2py.crackfortran myeval",
                "collections namedtuple",
                "argparse ArgumentParser",
                "pathlib os.system",
                "torch._utils._rebuild_tensor_v2 __globals__",
                "builtins eval\u0000",
                " os system",
                "OS system"
            })
    void nameThatIsNotKnownIsRefusedAndByChoiceOnlyAName(String qualified) throws Exception {
        int space = qualified.lastIndexOf(' ');
        Path proof = folder.resolve("proof");
        for (boolean stream : new boolean[] {false, true}) {
            Checkpoints content = (stream ? Checkpoints.stream() : new Checkpoints())
                    .op('(')
                    .name(qualified.substring(0, space), qualified.substring(space + 1))
                    .text("touch " + proof)
                    .op(0x85, 'R')
                    .storage(6) // a stream has no storage that nothing refers to
                    .op('t');
            Path file = content.write(folder);

            assertThatThrownBy(() -> TorchFile.open(file))
                    .isInstanceOf(CheckpointFormatException.class)
                    .hasMessageContaining(stream ? ": byte 162: names \"" : "data.pkl, byte 3: names \"")
                    .hasMessageContaining("so the file is refused");
            try (TorchFile opened = TorchFile.open(file, Unknown.OPAQUE)) {
                assertThat(((TorchValue.Tuple) opened.root()).items().get(0)).isInstanceOf(TorchValue.Opaque.class);
                assertThat(opened.sections()).isEmpty();
            }
        }
        assertThat(proof).doesNotExist();
    }

    static Stream<Arguments> programs() {
        return Stream.of(
                program("instance by INST", "operation 0x69", p -> p.ops("(ios\nsystem\n")),
                program(
                        "instance by OBJ",
                        "operation 0x6f",
                        p -> p.op('(').name("argparse", "Namespace").op('o')),
                program(
                        "name from the stack",
                        "operation 0x93",
                        p -> p.text("os").text("system").op(0x93)),
                program(
                        "new object with keywords",
                        "operation 0x92",
                        p -> p.name("argparse", "Namespace").op(')', '}', 0x92)),
                program("extension 1", "operation 0x82", p -> p.op(0x82, 1)),
                program("extension 2", "operation 0x83", p -> p.op(0x83, 1, 0)),
                program("extension 4", "operation 0x84", p -> p.op(0x84, 1, 0, 0, 0)),
                program("persistent text", "operation 0x50", p -> p.ops("Pstorage\n")),
                program("out-of-band buffer", "operation 0x97", p -> p.op(0x97)),
                program("text integer", "operation 0x49", p -> p.ops("I01\n")),
                program("no such operation", "no operation 0xff", p -> p.op(0xff)),
                program("call of a text", "not a name", p -> p.text("eval").op(')', 'R')),
                program(
                        "call of a tensor",
                        "not a name",
                        p -> p.tensor(6, 0, new long[] {6}, new long[] {1}).op(')', 'R')),
                program(
                        "call of a storage",
                        "calls a storage",
                        p -> p.storage(6).op(')', 'R')),
                program(
                        "call of a type",
                        "torch.float32, which is not called",
                        p -> p.name("torch", "float32").op(')', 'R')),
                program(
                        "call of a storage class",
                        "torch.FloatStorage, which is not called",
                        p -> p.name("torch", "FloatStorage").op(')', 'R')),
                program(
                        "call without a tuple",
                        "a tuple must stand here",
                        p -> p.name("torch", "Size").op(']', 'R')),
                program(
                        "new tensor",
                        "makes an object of torch.Tensor",
                        p -> p.name("torch", "Tensor").op(')', 0x81)),
                program(
                        "new dict",
                        "makes an object of collections.OrderedDict",
                        p -> p.name("collections", "OrderedDict").op(')', 0x81)),
                program(
                        "dict of texts",
                        "a tuple must stand here",
                        p -> p.name("collections", "OrderedDict")
                                .op(']')
                                .text("a")
                                .op('a', 0x85, 'R')),
                program(
                        "dict of pairs that are three",
                        "a dict must be made of pairs",
                        p -> p.name("collections", "OrderedDict").op(']', 'N', 'N', 'N', 0x87, 'a', 0x85, 'R')),
                program(
                        "dict whose key is a list",
                        "key of a dict",
                        p -> p.name("collections", "OrderedDict").op(']', ']', 'N', 0x86, 'a', 0x85, 'R')),
                program("state for a list", "is no container", p -> p.op(']', '}', 'b')),
                program(
                        "state for a tensor",
                        "is no container",
                        p -> p.tensor(6, 0, new long[] {6}, new long[] {1}).op('}', 'b')),
                program(
                        "state for a known name",
                        "is no container",
                        p -> p.name("collections", "OrderedDict").op('}', 'b')),
                program("dict with a state that is no dict", "is no container", p -> p.op('}', ']', 'b')),
                program("append to a text", "is no container", p -> p.text("a").op('N', 'a')),
                program("append to a tuple", "is no container", p -> p.op(')', 'N', 'a')),
                program("item of a list", "is no container", p -> p.op(']', 'N', 'N', 's')),
                program("item with a list as key", "key of a dict", p -> p.op('}', ']', 'N', 's')),
                program("item without value", "as many values as keys", p -> p.op('}', '(', 'N', 'u')),
                program("set of a text", "is no container", p -> p.text("a").op('(', 0x90)),
                program("protocol in the middle", "at the start", p -> p.op('N', 0x80, 2)),
                program("end with an open mark", "one value must be left", p -> p.op('N', '(')),
                program("end with two values", "one value must be left", p -> p.op('N', 'N')),
                program("end with nothing", "one value must be left", p -> p),
                program("two ends", "1 bytes follow the end", p -> p.op('N', '.')),
                program("pop of nothing", "no value on the stack", p -> p.op('0')),
                program("pop below a mark", "no value on the stack", p -> p.op('N', '(', '0')),
                program("mark that is not there", "no mark", p -> p.op('N', 't')),
                program("stored value that is not there", "no stored value 9", p -> p.op('h', 9)),
                program("stored value that was skipped", "no stored value 0", p -> p.op('N', 'q', 2, 'h', 0)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("programs")
    void operationThatCheckpointsDoNotHaveIsRefused(String what, String reason, UnaryOperator<Checkpoints> content)
            throws Exception {
        refused(folder, content.apply(new Checkpoints()), reason);
        if (!what.equals("two ends")) { // where pickles follow each other, the next begins there
            refused(folder, content.apply(Checkpoints.stream()), reason);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 5, 255})
    void otherProtocolIsRefused(int protocol) throws Exception {
        Path file = Files.write(
                folder.resolve("x.pt"), Checkpoints.archive(new byte[] {(byte) 0x80, (byte) protocol, 'N', '.'}));

        assertThatThrownBy(() -> TorchFile.open(file))
                .hasMessageContaining("protocol must be 2 to 4 but is " + protocol);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4})
    void textsAndNumbersOfLaterProtocolsAreRead(int protocol) throws Exception {
        byte[] pickle = {
            (byte) 0x80, (byte) protocol, '}', (byte) 0x94, (byte) 0x8c, 1, 'k', (byte) 0x94, 'C', 2, 0, 1, 's', '.'
        };
        Path file = Files.write(folder.resolve("x.pt"), Checkpoints.archive(pickle));

        try (TorchFile opened = TorchFile.open(file)) {
            assertThat(((TorchValue.Dict) opened.root()).get("k").orElseThrow()).hasToString("Opaque[builtins.bytes]");
        }
    }

    static Stream<Arguments> bombs() {
        return Stream.of(
                program("text of 4 GB", "a length of 4294967295", p -> p.op('X').u32(-1)),
                program(
                        "text of 2^63 bytes",
                        "a length of 9223372036854775808",
                        p -> p.op(0x8d).u64(Long.MIN_VALUE)),
                program(
                        "bytes of 2^62 bytes",
                        "a length of 4611686018427387904",
                        p -> p.op(0x8e).u64(1L << 62)),
                program(
                        "string of 2 GB",
                        "a length of 2147483648",
                        p -> p.op('T').u32(1L << 31)),
                program(
                        "frame of all memory",
                        "a length of 18446744073709551615",
                        p -> p.op(0x95).u64(-1)),
                program(
                        "integer of 1 MB",
                        "integer must have at most 1024 bytes",
                        p -> p.op(0x8b).u32(1 << 20).raw(new byte[1 << 20])),
                program(
                        "integer of 4 GB",
                        "integer must have at most 1024 bytes",
                        p -> p.op(0x8b).u32(-1)),
                program(
                        "stored under 1.48e9",
                        "must be at most 2 here but is 1480000000",
                        p -> p.op('r').u32(1_480_000_000L)),
                program(
                        "name without end",
                        "a name must have at most 500 bytes",
                        p -> p.ops("c" + "a".repeat(1_000_000))),
                program("million marks", "at most 1000000 marks", p -> p.ops("(".repeat(1_000_002))),
                program("million values", "at most 1000000 values", p -> p.ops("N".repeat(1_000_002))),
                program(
                        "copies of a dict of pairs",
                        "dicts must be made of at most 1000000 pairs",
                        p -> p.name("collections", "OrderedDict")
                                .ops("q\0" + "0](" + "NN\u0086".repeat(20_000) + "eq\1")
                                .ops("0h\0h\1\u0085R".repeat(51))),
                program("list in itself", "inside itself", p -> p.op(']', 'q', 0, 'h', 0, 'a')),
                program(
                        "dict in itself",
                        "inside itself",
                        p -> p.op('}', 'q', 0).text("a").op('h', 0, 's')),
                program(
                        "dict in a tuple in itself",
                        "inside itself",
                        p -> p.op('}', 'q', 0).text("a").op('h', 0, 0x85, 's')),
                program("201 lists", "at most 200 deep", p -> p.ops("]".repeat(202) + "a".repeat(201))),
                program("200,000 lists", "at most 200 deep", p -> p.ops(nested(200_000))),
                program("deep and shared", "at most 200 deep", p -> p.ops(shared(250))));
    }

    private static String nested(int depth) {
        return "]".repeat(depth) + "a".repeat(depth - 1);
    }

    /** Lists that hold the one before twice: 2^depth values if they are counted one by one. */
    private static String shared(int depth) {
        return "]q\u0000" + "0(h\u0000h\u0000lq\u0000".repeat(depth);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("bombs")
    void bombTakesLittleMemoryAndTime(String what, String reason, UnaryOperator<Checkpoints> content) throws Exception {
        takesLittle(content.apply(new Checkpoints()).file(), reason);
        takesLittle(content.apply(Checkpoints.stream()).file(), reason);
    }

    private void takesLittle(byte[] file, String reason) throws Exception {
        Path path = Files.write(folder.resolve("bomb.pt"), file);
        long bytes = THREADS.getCurrentThreadAllocatedBytes();
        long nanos = System.nanoTime();

        assertThatThrownBy(() -> TorchFile.open(path))
                .isInstanceOf(CheckpointFormatException.class)
                .hasMessageContaining(reason)
                .message()
                .hasSizeLessThan(2_000);

        // The pickle itself, the stack of references, and small objects for each of its operations.
        assertThat(THREADS.getCurrentThreadAllocatedBytes() - bytes).isLessThan(100L * file.length + (16 << 20));
        assertThat(Duration.ofNanos(System.nanoTime() - nanos)).isLessThan(Duration.ofSeconds(5));
    }

    @Test
    @Tag("slow")
    void moreOperationsThanAnybodyNeedsAreRefused() throws Exception {
        Path file = new Checkpoints().ops("N0".repeat(4_000_001)).write(folder);

        assertThatThrownBy(() -> TorchFile.open(file)).hasMessageContaining("at most 8000000 operations");
    }

    @Test
    void sharedContainersAreVisitedWithinBounds() throws Exception {
        Path file = new Checkpoints().ops(shared(60)).write(folder);

        assertThatThrownBy(() -> TorchFile.open(file)).hasMessageContaining("describes more than 2000000 values");
    }

    @Test
    void oneTensorAtManyPlacesIsCountedWithinBounds() throws Exception {
        Path file = new Checkpoints()
                .tensor(6, 0, new long[] {6}, new long[] {1})
                .ops("q\0")
                .ops("0(h\0h\0lq\0".repeat(18))
                .write(folder);

        assertThatThrownBy(() -> TorchFile.open(file)).hasMessageContaining("describes more than 200000 tensors");
    }

    @Test
    void copiesOfADictTakeNoMemory() throws Exception {
        Checkpoints content = new Checkpoints().name("collections", "Counter").ops("q\0010}(");
        for (int i = 0; i < 10_000; i++) {
            content.integer(i).op('N');
        }
        Path file = content.ops("uq\0" + "0h\1h\0\u0085R".repeat(10_000)).write(folder);
        long bytes = THREADS.getCurrentThreadAllocatedBytes();

        try (TorchFile opened = TorchFile.open(file)) {
            assertThat(((TorchValue.Dict) opened.root()).entries()).hasSize(10_000);
        }
        assertThat(THREADS.getCurrentThreadAllocatedBytes() - bytes).isLessThan(64L << 20);
    }

    @Test
    void keysOfOneHashCodeTakeNoSquareTime() throws Exception {
        Checkpoints content = new Checkpoints().op('}', '(');
        for (int i = 0; i < 1 << 15; i++) {
            StringBuilder key = new StringBuilder();
            for (int bit = 0; bit < 15; bit++) {
                key.append((i >> bit & 1) == 0 ? "Aa" : "BB");
            }
            content.text(key.toString()).op('N');
        }
        Path file = content.op('u').write(folder);
        long nanos = System.nanoTime();

        try (TorchFile opened = TorchFile.open(file)) {
            assertThat(((TorchValue.Dict) opened.root()).entries()).hasSize(1 << 15);
        }
        // Under a second where keys are ordered; many times that where each is compared with all.
        assertThat(Duration.ofNanos(System.nanoTime() - nanos)).isLessThan(Duration.ofSeconds(5));
    }
}
