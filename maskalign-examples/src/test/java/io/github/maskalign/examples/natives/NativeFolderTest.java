package io.github.maskalign.examples.natives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.github.maskalign.examples.ChildJvm;
import io.github.maskalign.examples.natives.EngineNatives.NativesException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

class NativeFolderTest {
    @TempDir
    Path folder;

    private Path cache;
    private NativeJar jar;
    private Path natives;

    @BeforeEach
    void makeJar() throws IOException {
        assumeTrue(Access.me().isPresent(), "Unix alone tells owners");
        cache = folder.resolve("cache");
        jar = NativeJars.open(folder, "cpu", Map.of("libtorch.so", "small", "libtorch_cpu.so", "much larger"));
        natives = cache.resolve("pytorch").resolve(NativeJars.VERSION + "-cpu-linux-x86_64");
    }

    @Test
    void librariesAreUnpackedIntoTheFolderThatDjlUses() throws Exception {
        makeReady();

        assertThat(natives.resolve("libtorch.so")).hasContent("small");
        assertThat(natives.resolve("libtorch_cpu.so")).hasContent("much larger");
        assertThat(natives.resolve("0.29.0-libdjl_torch.so")).hasContent("between Java and libtorch");
        assertThat(names(cache.resolve("pytorch"))).hasSize(2); // beside it the lock alone
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(natives)))
                .doesNotMatch("....w....|.......w.");
    }

    @Test
    void aLibraryThatWasCutShortIsNamed() throws Exception {
        makeReady();
        Files.writeString(natives.resolve("libtorch_cpu.so"), "much");

        assertThatThrownBy(this::makeReady)
                .isInstanceOf(NativesException.class)
                .hasMessageContaining(natives.resolve("libtorch_cpu.so")
                        + " is damaged: it has 4 bytes but 11 in its jar; delete the folder " + natives);
    }

    @Test
    void aLibraryWithOtherBytesIsNamed() throws Exception {
        makeReady();
        Files.writeString(natives.resolve("libtorch_cpu.so"), "much LARGER");

        assertThatThrownBy(this::makeReady)
                .isInstanceOf(NativesException.class)
                .hasMessageContaining("libtorch_cpu.so is damaged: it has other bytes than in its jar");
    }

    /** The bytes are read once: a change that leaves size and time as they were is beyond it. */
    @Test
    void whatWasComparedIsNotComparedAgainUntilItChanges() throws Exception {
        makeReady();
        Path library = natives.resolve("libtorch_cpu.so");
        FileTime before = Files.getLastModifiedTime(library);
        Files.writeString(library, "much LARGER");
        Files.setLastModifiedTime(library, before);

        makeReady();
        Files.setLastModifiedTime(library, FileTime.from(before.toInstant().plusSeconds(1)));

        assertThatThrownBy(this::makeReady).hasMessageContaining("is damaged");
    }

    @Test
    void whatDjlHasUnpackedIsComparedAndCompleted() throws Exception {
        EngineCache.createFolders(natives);
        Files.writeString(natives.resolve("libtorch.so"), "small");
        Files.writeString(natives.resolve("libtorch_cpu.so"), "much larger");

        makeReady();

        assertThat(natives.resolve("0.29.0-libdjl_torch.so")).hasContent("between Java and libtorch");
        assertThat(natives.resolve(".maskalign-checked")).exists();

        Files.delete(natives.resolve(".maskalign-checked"));
        Files.writeString(natives.resolve("libtorch.so"), "SMALL");
        assertThatThrownBy(this::makeReady).hasMessageContaining("libtorch.so is damaged");
    }

    @Test
    void anUnfinishedFolderIsReplaced() throws Exception {
        EngineCache.createFolders(natives);
        Files.writeString(natives.resolve("libtorch_cpu.so"), "mu");

        makeReady();

        assertThat(natives.resolve("libtorch_cpu.so")).hasContent("much larger");
    }

    @Test
    void aDamagedJarLeavesNothingBehind() throws Exception {
        NativeFile intact = jar.files().get(0);
        NativeFile other = new NativeFile(intact.name(), intact.source(), intact.size(), intact.crc() ^ 1);
        Files.createDirectories(natives);

        assertThatThrownBy(() -> other.unpackTo(natives)).hasMessageContaining(intact.name());
        assertThat(names(natives)).isEmpty();
    }

    @Test
    void leftoversOfKilledUnpackingAreCleared() throws Exception {
        Path pytorch = cache.resolve("pytorch");
        Path ours = pytorch.resolve("." + natives.getFileName() + ".tmp-0123456789abcdef");
        Path ofDjl = pytorch.resolve("tmp1234567890");
        Path young = pytorch.resolve("tmp9876543210");
        for (Path leftover : List.of(ours, ofDjl, young)) {
            EngineCache.createFolders(leftover);
            Files.writeString(leftover.resolve("libtorch_cpu.so"), "mu");
        }
        age(ofDjl);

        makeReady();

        assertThat(ours).doesNotExist();
        assertThat(ofDjl).doesNotExist();
        assertThat(young).as("DJL may be at work there").exists();

        age(young);
        makeReady();

        assertThat(young).doesNotExist();
    }

    @Test
    void aProcessWaitsForTheOneThatUnpacks() throws Exception {
        EngineCache.createFolders(natives.getParent());
        Process child;
        try (FileChannel held = FileChannel.open(
                natives.resolveSibling(".maskalign-unpack.lock"),
                StandardOpenOption.CREATE,
                StandardOpenOption.WRITE)) {
            held.lock();
            child = ChildJvm.builder(
                            Unpacking.class,
                            cache.toString(),
                            folder.resolve("natives.jar").toString())
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            assertThat(child.getInputStream().read()).isEqualTo('s'); // it starts
            assertThat(child.waitFor(1, TimeUnit.SECONDS)).isFalse();
            assertThat(natives).doesNotExist();
        }

        assertThat(child.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(child.exitValue()).isZero();
        assertThat(natives.resolve("libtorch.so")).hasContent("small");
    }

    /** As ranks of a machine that start together: all wait at the lock, then one unpacks and the others find it done. */
    @Test
    void ofSeveralProcessesOneUnpacks() throws Exception {
        EngineCache.createFolders(natives.getParent());
        List<Process> children = new ArrayList<>();
        List<Path> outputs = new ArrayList<>();
        try (FileChannel held = FileChannel.open(
                natives.resolveSibling(".maskalign-unpack.lock"),
                StandardOpenOption.CREATE,
                StandardOpenOption.WRITE)) {
            held.lock();
            for (int i = 0; i < 4; i++) {
                Path output = folder.resolve("process-" + i + ".txt");
                outputs.add(output);
                ProcessBuilder child = ChildJvm.builder(
                        Unpacking.class,
                        cache.toString(),
                        folder.resolve("natives.jar").toString());
                // the program's own, not the tests', which keeps silent
                child.command().add(1, "-Dlogback.configurationFile=logback.xml");
                children.add(child.redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start());
            }
            for (Path output : outputs) {
                for (int i = 0; i < 600 && Files.size(output) == 0; i++) {
                    Thread.sleep(100); // it starts
                }
            }
            Thread.sleep(500); // and comes to the lock
            assertThat(natives).doesNotExist();
        }

        long unpackings = 0;
        for (int i = 0; i < children.size(); i++) {
            assertThat(children.get(i).waitFor(60, TimeUnit.SECONDS)).isTrue();
            String text = Files.readString(outputs.get(i));
            assertThat(children.get(i).exitValue()).as(text).isZero();
            unpackings += text.lines()
                    .filter(line -> line.contains("unpacking the engine's libraries"))
                    .count();
        }
        assertThat(unpackings).isEqualTo(1);
        assertThat(natives.resolve("libtorch_cpu.so")).hasContent("much larger");
        assertThat(names(cache.resolve("pytorch")))
                .as("no leftovers beside the lock")
                .hasSize(2);
    }

    /** Unpacks a jar into a cache, in a process of its own. */
    static final class Unpacking {
        private Unpacking() {}

        public static void main(String[] args) throws IOException {
            ((Logger) LoggerFactory.getLogger(NativeFolder.class)).setLevel(Level.INFO);
            System.out.print("s");
            System.out.flush();
            NativeJar jar = NativeJar.find(NativeJars.loader(Path.of(args[1]))).orElseThrow();
            new NativeFolder(Path.of(args[0]), jar).makeReady();
        }
    }

    @Test
    void whatOthersCanWriteIsRefused() throws Exception {
        makeReady();
        for (Path path : List.of(cache.resolve("pytorch"), natives, natives.resolve("libtorch.so"))) {
            var before = Files.getPosixFilePermissions(path);
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxr-xrwx"));

            assertThatThrownBy(this::makeReady)
                    .isInstanceOf(NativesException.class)
                    .hasMessageContaining(path + " can be written by others")
                    .hasMessageContaining("chmod -R go-w " + path);

            Files.setPosixFilePermissions(path, before);
        }
        makeReady();
    }

    private void makeReady() throws IOException {
        new NativeFolder(cache, jar).makeReady();
    }

    private static void age(Path folder) throws IOException {
        FileTime old = FileTime.from(Instant.now().minus(Duration.ofHours(2)));
        Files.setLastModifiedTime(folder.resolve("libtorch_cpu.so"), old);
        Files.setLastModifiedTime(folder, old);
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.map(path -> path.getFileName().toString()).toList();
        }
    }
}
