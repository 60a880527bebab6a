package io.github.maskalign.core.files.internal;

import static io.github.maskalign.core.files.internal.Refusal.program;
import static io.github.maskalign.core.files.internal.Refusal.refused;

import java.nio.file.Path;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Tensors that reach beyond their storage, and storages that are none: refused, each with its reason. */
class HostileStorageTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({
        "6, 0, '7', '1', must lie in its storage of 6 elements",
        "6, 1, '6', '1', must lie in its storage",
        "6, 7, '0', '1', must lie in its storage",
        "6, 0, '2 3', '4 1', must lie in its storage",
        "6, 0, '-1', '1', must be a whole number from 0",
        "6, 0, '2', '-1', must be a whole number from 0",
        "6, -1, '2', '1', must be a whole number from 0",
        "6, 9223372036854775807, '2', '9223372036854775807', must lie in its storage",
        "6, 0, '4611686018427387904 4', '0 0', must lie in its storage",
        "6, 0, '3 4294967296', '4611686018427387904 1', must lie in its storage",
        "6, 0, '1073741824', '0', repeat at most 268435456 bytes",
        "6, 0, '2 3', '3', one stride for each",
        "6, 0, '1 1 1 1 1 1 1 1 1', '1 1 1 1 1 1 1 1 1', at most 8 sizes",
        "7, 0, '6', '1', must have 7 elements of 4 bytes but has",
        "5, 0, '5', '1', must have 5 elements",
        "-6, 0, '6', '1', must be a whole number from 0",
        "4611686018427387910, 0, '6', '1', must have 4611686018427387910 elements"
    })
    void tensorBeyondItsStorageIsRefused(long count, long offset, String sizes, String strides, String reason)
            throws Exception {
        for (Checkpoints content : new Checkpoints[] {new Checkpoints(), Checkpoints.stream()}) {
            refused(folder, content.tensor(count, offset, numbers(sizes), numbers(strides)), reason);
        }
    }

    @Test
    void viewsThatTogetherRepeatTooMuchAreRefused() throws Exception {
        for (Checkpoints content : new Checkpoints[] {new Checkpoints(), Checkpoints.stream()}) {
            content.op(']', '(');
            for (int i = 0; i < 5; i++) {
                content.tensor(6, 0, new long[] {1 << 24}, new long[] {0}); // 64 MiB each
            }

            refused(folder, content.op('e'), "repeat at most 268435456 bytes");
        }
    }

    static Stream<Arguments> storages() {
        return Stream.of(
                program(
                        "text",
                        "a tuple must stand here",
                        p -> p.text("storage").op('Q')),
                program(
                        "of another kind",
                        "known storage",
                        p -> p.op('(')
                                .text("module")
                                .name("torch", "FloatStorage")
                                .text("0")
                                .text("cpu")
                                .integer(6)
                                .op('t', 'Q')),
                program(
                        "without a type",
                        "known storage",
                        p -> p.op('(')
                                .text("storage")
                                .name("torch", "float32")
                                .text("0")
                                .text("cpu")
                                .integer(6)
                                .op('t', 'Q')),
                program(
                        "that the file lacks",
                        "storage \"../version\", which the file lacks",
                        p -> p.op('(')
                                .text("storage")
                                .name("torch", "FloatStorage")
                                .text("../version")
                                .text("cpu")
                                .integer(6)
                                .op('t', 'Q')),
                program(
                        "of another size",
                        "must have 6 elements of 8 bytes but has 24 bytes",
                        p -> p.storage("DoubleStorage", 6)),
                program(
                        "that is too long an integer",
                        "must be a whole number from 0",
                        p -> p.op('(')
                                .text("storage")
                                .name("torch", "FloatStorage")
                                .text("0")
                                .text("cpu")
                                .op(0x8a, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1)
                                .op('t', 'Q')),
                program(
                        "instead of a tensor",
                        "a tensor must be made of",
                        p -> p.name("torch._utils", "_rebuild_tensor_v2").op(')', 'R')),
                program(
                        "in a parameter",
                        "a parameter must be made of a tensor",
                        p -> p.name("torch._utils", "_rebuild_parameter")
                                .storage(6)
                                .op(0x85, 'R')),
                program(
                        "rebuilt by a settings class",
                        "a tensor with attributes",
                        p -> p.name("torch._tensor", "_rebuild_from_type_v2")
                                .op('(')
                                .name("argparse", "Namespace")
                                .name("torch", "Tensor")
                                .op(')', '}', 't', 'R')),
                program(
                        "rebuilt by itself",
                        "a tensor with attributes",
                        p -> p.name("torch._tensor", "_rebuild_from_type_v2")
                                .op('q', 0, '(', 'h', 0)
                                .name("torch", "Tensor")
                                .op(')', '}', 't', 'R')));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("storages")
    void storageThatIsNoneIsRefused(String what, String reason, UnaryOperator<Checkpoints> content) throws Exception {
        refused(folder, content.apply(new Checkpoints()), reason);
    }

    @Test
    void untypedStorageNeedsATypedTensor() throws Exception {
        Checkpoints content = new Checkpoints()
                .name("torch._utils", "_rebuild_tensor_v2")
                .op('(')
                .storage("UntypedStorage", 24)
                .integer(0)
                .integers(6)
                .integers(1)
                .op(0x89, '}', 't', 'R');

        refused(folder, content, "must have an element type");
    }

    private static long[] numbers(String text) {
        return Stream.of(text.split(" ")).mapToLong(Long::parseLong).toArray();
    }
}
