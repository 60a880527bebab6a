package io.github.maskalign.core.engine.internal;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.engine.EngineException;
import io.github.maskalign.core.engine.internal.MemoryShortage.Place;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class MemoryShortageTest {
    private static final String CUDA = "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of"
            + " 79.10 GiB of which 1.20 GiB is free.";
    private static final String CPU = "[enforce fail at alloc_cpu.cpp:83] err == 0. DefaultCPUAllocator: can't allocate"
            + " memory: you tried to allocate 800000000000 bytes. Error code 12 (Cannot allocate memory)";

    static Stream<Arguments> shortages() {
        String traceback = "The following operation failed in the TorchScript interpreter.\nTraceback of TorchScript"
                + " (most recent call last):\n  return torch.linear(x)\nRuntimeError: ";
        return Stream.of(
                Arguments.of(new EngineException(CUDA), Place.DEVICE, 2_684_354_560L),
                Arguments.of(
                        new EngineException("f failed", new EngineException(traceback + CUDA)),
                        Place.DEVICE,
                        2_684_354_560L),
                Arguments.of(new EngineException(traceback + CPU), Place.HOST, 800_000_000_000L),
                Arguments.of(new IllegalStateException(new EngineException(CPU)), Place.HOST, 800_000_000_000L),
                Arguments.of(
                        new EngineException("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `x`"),
                        Place.DEVICE,
                        -1L),
                Arguments.of(new EngineException("std::bad_alloc"), Place.HOST, -1L),
                Arguments.of(new OutOfMemoryError("Java heap space"), Place.JAVA_HEAP, -1L),
                Arguments.of(new OutOfMemoryError("unable to create native thread"), Place.HOST, -1L),
                Arguments.of(
                        new OutOfMemoryError(
                                "Cannot reserve 4096 bytes of direct buffer memory (allocated: 1, limit: 2)"),
                        Place.JAVA_DIRECT,
                        4096L));
    }

    @ParameterizedTest
    @MethodSource("shortages")
    void shortageIsFoundInTheChainOfCauses(Throwable failure, Place place, long asked) {
        assertThat(MemoryShortage.in(failure)).hasValueSatisfying(shortage -> {
            assertThat(shortage.place()).isEqualTo(place);
            assertThat(shortage.asked()).isEqualTo(asked < 0 ? OptionalLong.empty() : OptionalLong.of(asked));
            assertThat(shortage.words()).doesNotContain("\n");
        });
    }

    @Test
    void otherFailuresAreNone() {
        assertThat(MemoryShortage.in(new EngineException("The size of tensor a must match the size of tensor b")))
                .isEmpty();
        assertThat(MemoryShortage.in(new IllegalStateException())).isEmpty();
    }

    @Test
    void bytesAreReadable() {
        assertThat(MemoryShortage.text(999_999)).isEqualTo("999999 bytes");
        assertThat(MemoryShortage.text(12_345_678)).isEqualTo("12.3 MB");
        assertThat(MemoryShortage.text(2_684_354_560L)).isEqualTo("2.7 GB");
    }
}
