package io.github.maskalign.examples.natives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.jna.NativeLibrary;
import io.github.maskalign.examples.natives.EngineNatives.NativesException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A CUDA build's first start, with libraries of a few bytes. */
class CudaRuntimeTest {
    private static final String BUNDLED = "libcudart-9335f6a2.so.12";
    private static final Map<String, String> LIBRARIES =
            Map.of("libtorch.so", "t", "libcudart-9335f6a2.so.12", "runtime", "libcudnn.so.8", "c");

    @TempDir
    Path folder;

    private final Map<String, String> before = new java.util.HashMap<>();

    @BeforeEach
    void keepProperties() {
        assumeTrue(Access.me().isPresent());
        for (String name : new String[] {"jna.library.path", "PYTORCH_LIBRARY_PATH", "PYTORCH_FLAVOR"}) {
            before.put(name, System.getProperty(name));
            System.clearProperty(name);
        }
    }

    @AfterEach
    void restoreProperties() {
        before.forEach((name, value) -> {
            if (value == null) {
                System.clearProperty(name);
            } else {
                System.setProperty(name, value);
            }
        });
    }

    @Test
    void theRuntimeBesideLibtorchGetsTheNameThatJnaLooksFor() throws Exception {
        Path cache = folder.resolve("cache");
        EngineNatives.prepare(cache, NativeJars.open(folder, "cu121", LIBRARIES), true);
        EngineNatives.prepare(cache, NativeJars.open(folder, "cu121", LIBRARIES), true); // as the next command does

        Path natives = cache.resolve("pytorch/2.3.1-20240621-cu121-linux-x86_64");
        Path linked = cache.resolve("pytorch/2.3.1-20240621-cu121-linux-x86_64-cudart");
        assertThat(linked.resolve("libcudart.so")).isSymbolicLink().hasContent("runtime");
        assertThat(System.getProperty("jna.library.path").split(":")).contains(linked.toString());
        assertThat(System.getProperty("PYTORCH_LIBRARY_PATH")).isEqualTo(natives.toString());
        assertThat(System.getProperty("PYTORCH_FLAVOR")).isEqualTo("cu121");
    }

    @Test
    void theRuntimeOfNamedLibrariesIsLinkedOutsideOfTheirFolder() throws Exception {
        Path named = Files.createDirectory(folder.resolve("named"));
        EngineNatives.linkRuntimeOf(named);
        EngineNatives.linkRuntimeOf(folder.resolve("none"));
        assertThat(System.getProperty("jna.library.path")).isNull();
        Files.writeString(named.resolve("libcudart-9335f6a2.so.12"), "runtime");

        EngineNatives.linkRuntimeOf(named);

        Path link = Path.of(System.getProperty("jna.library.path")).resolve("libcudart.so");
        assertThat(link).isSymbolicLink().hasContent("runtime");
        assertThat(link.getParent()).isNotEqualTo(named);
        assertThat(named).isDirectoryNotContaining("glob:**/libcudart.so");
    }

    /** A real library under the bundled name: JNA must not find it by itself, and must find it once it is linked. */
    @Test
    void jnaFindsTheRuntimeOnceItIsLinked() throws Exception {
        Path natives = Files.createDirectory(folder.resolve("natives"));
        Path source = folder.resolve("cudart.c");
        Files.writeString(source, "int cudaGetDeviceCount(int *count) { *count = 3; return 0; }\n");
        try {
            Process gcc = new ProcessBuilder(
                            "gcc",
                            "-shared",
                            "-fPIC",
                            "-o",
                            natives.resolve("libpretended-9335f6a2.so.12").toString(),
                            source.toString())
                    .inheritIO()
                    .start();
            assumeTrue(gcc.waitFor(60, TimeUnit.SECONDS) && gcc.exitValue() == 0);
        } catch (IOException e) {
            assumeTrue(false, "needs gcc");
        }
        Files.move(natives.resolve("libpretended-9335f6a2.so.12"), natives.resolve(BUNDLED));
        System.setProperty("jna.library.path", natives.toString());
        assertThatThrownBy(() -> NativeLibrary.getInstance("cudart")).isInstanceOf(UnsatisfiedLinkError.class);

        Path linked = CudaRuntime.link(CudaRuntime.in(natives).orElseThrow(), folder.resolve("linked"));
        System.setProperty("jna.library.path", CudaRuntime.searchPath(null, linked));

        try (NativeLibrary found = NativeLibrary.getInstance("cudart")) {
            int[] count = new int[1];
            found.getFunction("cudaGetDeviceCount").invokeInt(new Object[] {count});
            assertThat(count).containsExactly(3);
        }
    }

    @Test
    void withoutADriverNothingIsUnpackedAndOneSentenceSaysSo() throws Exception {
        Path cache = folder.resolve("cache");
        NativeJar jar = NativeJars.open(folder, "cu121", LIBRARIES);

        assertThatThrownBy(() -> EngineNatives.prepare(cache, jar, false))
                .isInstanceOf(NativesException.class)
                .hasMessageStartingWith("libtorch is built for cu121 and cannot be loaded without the NVIDIA driver:"
                        + " libcuda.so.1 is missing; ")
                .hasMessageContaining("MASKALIGN_PROFILE=cpu");

        assertThat(cache).doesNotExist();
        assertThat(System.getProperty("PYTORCH_LIBRARY_PATH")).isNull();
    }

    @Test
    void aBuildForTheCpuNeedsNoDriver() throws Exception {
        EngineNatives.prepare(
                folder.resolve("cache"), NativeJars.open(folder, "cpu", Map.of("libtorch.so", "t")), false);

        assertThat(System.getProperty("PYTORCH_FLAVOR")).isEqualTo("cpu");
        assertThat(System.getProperty("jna.library.path")).isNull();
    }

    @Test
    void whatTheUserHasOnTheSearchPathComesFirst() {
        assertThat(CudaRuntime.searchPath("/opt/cuda", Path.of("/x"))).isEqualTo("/opt/cuda:/x");
        assertThat(CudaRuntime.searchPath("", Path.of("/x"))).isEqualTo("/x");
    }

    @Test
    void theSystemIsAskedForALibrary() {
        assertThat(CudaRuntime.isThere("libc.so.6")).isTrue();
        assertThat(CudaRuntime.isThere("libnone_such.so.1")).isFalse();
    }
}
