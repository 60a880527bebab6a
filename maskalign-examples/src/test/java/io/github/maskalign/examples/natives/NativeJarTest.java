package io.github.maskalign.examples.natives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeJarTest {
    @TempDir
    Path folder;

    @BeforeAll
    static void assumeLinux() {
        assumeTrue(System.getProperty("os.name").equals("Linux")
                && System.getProperty("os.arch").equals("amd64"));
    }

    @Test
    void theJarOnTheClassPathIsFoundAndNamedAsDjlNamesItsFolder() throws Exception {
        NativeJar jar = NativeJar.find(NativeJarTest.class.getClassLoader()).orElseThrow();

        assertThat(jar.folderName()).matches("2\\.\\d+\\.\\d+-\\d{8}-(cpu|cu\\d+)-linux-x86_64");
        assertThat(jar.files()).extracting(NativeFile::name).contains("libtorch_cpu.so", "libc10.so");
        assertThat(jar.files().get(jar.files().size() - 1).name()).isEqualTo("libtorch.so");
        assertThat(jar.files())
                .as("the library between Java and libtorch")
                .anyMatch(file -> file.name().matches("0\\.\\d+\\.\\d+-libdjl_torch\\.so"));
        assertThat(jar.byteSize()).isGreaterThan(100_000_000);
    }

    @Test
    void sizesAndSumsAreThoseOfTheJar() throws Exception {
        NativeJar jar = NativeJars.open(folder, "cu121", Map.of("libtorch.so", "123456789"));

        assertThat(jar.isCuda()).isTrue();
        NativeFile torch = jar.files().get(jar.files().size() - 1);
        assertThat(torch.size()).isEqualTo(9);
        assertThat(torch.crc()).as("the check value of CRC-32").isEqualTo(0xCBF43926L);
        assertThat(jar.files().get(0).name()).isEqualTo("0.29.0-libdjl_torch.so");
    }

    @Test
    void severalJarsAreLeftToDjlAndTheDoctor() throws Exception {
        Path cpu = NativeJars.write(folder.resolve("cpu.jar"), "cpu", Map.of("libtorch.so", "a"));
        Path cuda = NativeJars.write(folder.resolve("cuda.jar"), "cu121", Map.of("libtorch.so", "b"));

        assertThat(NativeJar.find(NativeJars.loader(cpu, cuda))).isEmpty();
        assertThat(NativeJar.find(NativeJars.loader())).isEmpty();
    }
}
