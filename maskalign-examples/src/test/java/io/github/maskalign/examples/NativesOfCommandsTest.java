package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.maskalign.examples.natives.NativeJars;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a user sees when the engine's libraries cannot be used, and which commands do not mind. */
class NativesOfCommandsTest {
    private static final Path QUICKSTART =
            Path.of("..", "configs", "emoji-32.yaml").toAbsolutePath();

    @TempDir
    Path folder;

    private String text = "";

    @BeforeEach
    void assumeLinux() {
        assumeTrue(System.getProperty("os.name").equals("Linux")
                && System.getProperty("os.arch").equals("amd64"));
    }

    @Test
    void aLibraryThatWasCutShortIsASentenceOfTheDoctorAndNoCrash() throws Exception {
        Path jar = NativeJars.write(folder.resolve("cpu.jar"), "cpu", Map.of("libtorch.so", "no library at all"));
        Path natives = Files.createDirectories(folder.resolve("cache/pytorch/2.3.1-20240621-cpu-linux-x86_64"));
        Files.writeString(natives.resolve("libtorch.so"), "no library");

        assertThat(run(ChildJvm.replacing("pytorch-native", jar, Main.class, "doctor")))
                .isEqualTo(1);

        assertThat(text)
                .contains("FAILED  native libraries")
                .contains(natives.resolve("libtorch.so") + " is damaged: it has 10 bytes but 17 in its jar")
                .contains("delete the folder " + natives)
                .contains("This installation does not work.")
                .doesNotContain("engine starts");

        assertThat(run(ChildJvm.replacing(
                        "pytorch-native", jar, Main.class, "train", QUICKSTART.toString(), "--out=" + folder)))
                .isEqualTo(1);

        assertThat(text.lines().toList()).hasSize(1);
        assertThat(text).startsWith("error: the engine's library " + natives).contains("is damaged");
    }

    @Test
    void aCacheThatOthersCanWriteIsRefused() throws Exception {
        Path cache = Files.createDirectory(folder.resolve("cache"));
        Files.setPosixFilePermissions(cache, java.nio.file.attribute.PosixFilePermissions.fromString("rwxrwxrwx"));

        assertThat(run(ChildJvm.builder(Main.class, "train", QUICKSTART.toString(), "--out=" + folder)))
                .isEqualTo(1);

        assertThat(text)
                .contains("error: the engine's libraries would run with your rights, but " + cache
                        + " can be written by others")
                .contains("DJL_CACHE_DIR");
    }

    @Test
    void aCudaBuildWithoutADriverIsOneSentence() throws Exception {
        assumeTrue(Files.notExists(Path.of("/proc/driver/nvidia/version")), "for machines without a driver");
        Path jar = NativeJars.write(folder.resolve("cu121.jar"), "cu121", Map.of("libtorch.so", "t"));

        assertThat(run(ChildJvm.replacing(
                        "pytorch-native", jar, Main.class, "train", QUICKSTART.toString(), "--out=" + folder)))
                .isEqualTo(1);
        assertThat(text)
                .isEqualTo("error: libtorch is built for cu121 and cannot be loaded without the NVIDIA driver:"
                        + " libcuda.so.1 is missing; start on a machine with a driver, give the GPUs to the container"
                        + " (--gpus all, --nv), or build with MASKALIGN_PROFILE=cpu\n");

        assertThat(run(ChildJvm.replacing("pytorch-native", jar, Main.class, "doctor")))
                .isEqualTo(1);
        assertThat(text).contains("FAILED  native libraries").contains("libcuda.so.1 is missing");
    }

    @Test
    void whatNeedsNoEngineWorksWithoutItsLibraries() throws Exception {
        Path jar = NativeJars.write(folder.resolve("cu121.jar"), "cu121", Map.of("libtorch.so", "t"));
        for (String[] words : new String[][] {
            {"train", QUICKSTART.toString(), "--dry-run"},
            {"train", "--help"},
            {"info", QUICKSTART.toString()},
            {"--version"}
        }) {
            assertThat(run(ChildJvm.replacing("pytorch-native", jar, Main.class, words)))
                    .as("%s: %s", String.join(" ", words), text)
                    .isZero();
        }
        assertThat(folder.resolve("cache")).doesNotExist();
    }

    private int run(ProcessBuilder builder) throws IOException, InterruptedException {
        builder.environment().put("DJL_CACHE_DIR", folder.resolve("cache").toString());
        Process process = builder.redirectErrorStream(true).start();
        text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return process.exitValue();
    }
}
