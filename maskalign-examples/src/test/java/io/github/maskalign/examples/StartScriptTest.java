package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Runs {@code scripts/maskalign} in a made-up source tree, with a java and a mvn that only write down their calls. */
@EnabledOnOs(OS.LINUX)
class StartScriptTest {
    private static final String JAR = "maskalign-examples/target/maskalign-examples-1.0.jar";

    @TempDir
    Path folder;

    private Path root;
    private Path tools;
    private Path source;

    @BeforeEach
    void makeSourceTree() throws IOException {
        root = Files.createDirectories(folder.resolve("source tree")); // blanks must not matter
        tools = Files.createDirectories(folder.resolve("tools"));
        Files.createDirectories(root.resolve("scripts"));
        Files.copy(Path.of("..", "scripts", "maskalign").toRealPath(), root.resolve("scripts/maskalign"));
        source = root.resolve("maskalign-core/src/main/java/A.java");
        Files.createDirectories(source.getParent());
        for (Path file : List.of(root.resolve("pom.xml"), root.resolve("maskalign-core/pom.xml"), source)) {
            Files.writeString(file, "");
        }
        ageEverything();
        program(tools.resolve("java"), """
                #!/usr/bin/env bash
                [[ $1 == -XshowSettings* ]] && echo "java.specification.version = ${FAKE_JAVA:-17}" && exit
                [[ ${FAKE_ENV:-} ]] && for name in ${!OMP_@} ${!GOMP_@} ${!MALLOC_@}; do echo "$name=${!name}"; done
                printf '%s\\n' "in $PWD" "$@"
                exit 7
                """);
        program(tools.resolve("mvn"), """
                #!/usr/bin/env bash
                echo "mvn $*" >> LOG
                [[ ${FAKE_FAIL:-} ]] && exit 1
                mkdir -p maskalign-examples/target/lib
                touch JAR
                """.replace(
                "LOG", folder.resolve("mvn.log").toString()).replace("JAR", JAR));
    }

    @Test
    void buildsOnceAndThenOnlyRuns() throws Exception {
        assertThat(run(Map.of(), "doctor").exitCode()).isEqualTo(7);
        Result second = run(Map.of(), "doctor", "--json", "two words");

        assertThat(mavenCalls()).containsExactly("mvn -q -Pcpu -DskipTests package");
        assertThat(second.exitCode()).isEqualTo(7);
        assertThat(second.err()).isEmpty();
        assertThat(second.out())
                .startsWith("in " + folder)
                .contains(
                        "-Djava.awt.headless=true",
                        "-Dmaskalign.terminal=false",
                        root.resolve(JAR) + ":" + root + "/maskalign-examples/target/lib/*")
                .endsWith("io.github.maskalign.examples.Main", "doctor", "--json", "two words");
    }

    @Test
    void waitingThreadsSleepAndMemoryIsKeptUnlessToldOtherwise() throws Exception {
        assertThat(run(Map.of("FAKE_ENV", "1"), "doctor").out())
                .contains(
                        "GOMP_SPINCOUNT=100000",
                        "MALLOC_TRIM_THRESHOLD_=1073741824",
                        "MALLOC_MMAP_THRESHOLD_=33554432",
                        "MALLOC_TOP_PAD_=67108864");
        assertThat(run(Map.of("FAKE_ENV", "1", "OMP_WAIT_POLICY", "ACTIVE", "MALLOC_TOP_PAD_", "0"), "doctor")
                        .out())
                .contains("OMP_WAIT_POLICY=ACTIVE", "MALLOC_TOP_PAD_=0");
    }

    @Test
    void changedSourceIsBuiltAgain() throws Exception {
        run(Map.of());
        touchLater(source);
        run(Map.of());
        run(Map.of());

        // the time stamp of the source lies in the future of both builds
        assertThat(mavenCalls()).hasSizeBetween(2, 3);
    }

    @Test
    void deletedSourceIsBuiltAgain() throws Exception {
        run(Map.of());
        Files.delete(source);
        touchLater(source.getParent());
        run(Map.of());

        assertThat(mavenCalls()).hasSize(2);
    }

    @Test
    void profileIsBuiltAnewWithItsOwnLibraries() throws Exception {
        run(Map.of());
        Path old = Files.createFile(root.resolve("maskalign-examples/target/lib/pytorch-native-cpu.jar"));
        run(Map.of("MASKALIGN_PROFILE", "cuda"));
        run(Map.of("MASKALIGN_PROFILE", "cuda"));

        assertThat(old).doesNotExist();
        assertThat(mavenCalls())
                .containsExactly("mvn -q -Pcpu -DskipTests package", "mvn -q -Pcuda -DskipTests package");
    }

    @Test
    void failedBuildIsTriedAgain() throws Exception {
        Result failed = run(Map.of("FAKE_FAIL", "1"));

        assertThat(failed.exitCode()).isEqualTo(1);
        assertThat(failed.err()).contains("error: the build failed, see above");
        assertThat(run(Map.of()).exitCode()).isEqualTo(7);
    }

    @Test
    void jvmOptionsOfTheUserComeLast() throws Exception {
        assertThat(run(Map.of("MASKALIGN_JAVA_OPTS", "-Xmx9g -Da=b")).out())
                .containsSubsequence("-Xmx2g", "-Xmx9g", "-Da=b", "-cp");
    }

    @Test
    void saysWhatIsMissing() throws Exception {
        assertThat(run(Map.of("FAKE_JAVA", "11")).err())
                .contains("error: Java 11 is too old: install a JDK of version 17 or newer, or set JAVA_HOME");
        assertThat(run(Map.of("JAVA_HOME", "/nowhere")).err().get(0)).startsWith("error: no Java found");
        Files.delete(tools.resolve("mvn"));
        Result noMaven = run(Map.of());
        assertThat(noMaven.exitCode()).isEqualTo(1);
        assertThat(noMaven.err()).contains("error: no Maven found: install version 3.8.7 or newer");
    }

    private record Result(int exitCode, List<String> out, List<String> err) {}

    private Result run(Map<String, String> environment, String... args) throws IOException, InterruptedException {
        List<String> command =
                new ArrayList<>(List.of(root.resolve("scripts/maskalign").toString()));
        command.addAll(List.of(args));
        ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
        builder.environment().clear();
        builder.environment().put("PATH", tools + ":" + basicTools());
        builder.environment().putAll(environment);
        Process process = builder.start();
        List<String> out = lines(process.getInputStream().readAllBytes());
        List<String> err = lines(process.getErrorStream().readAllBytes());
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        return new Result(process.exitValue(), out, err);
    }

    /** A folder with what the script needs from the system, so that a real java or mvn is never found. */
    private Path basicTools() throws IOException {
        Path basic = folder.resolve("basic");
        if (!Files.exists(basic)) {
            Files.createDirectories(basic);
            for (String name : List.of("bash", "dirname", "readlink", "find", "sed", "mkdir", "rm", "touch", "mv")) {
                Path tool = Path.of(Files.exists(Path.of("/usr/bin", name)) ? "/usr/bin" : "/bin", name);
                program(basic.resolve(name), "#!/bin/sh\nexec " + tool + " \"$@\"\n");
            }
        }
        return basic;
    }

    private List<String> mavenCalls() throws IOException {
        return Files.readAllLines(folder.resolve("mvn.log"));
    }

    private static void program(Path file, String text) throws IOException {
        Files.writeString(file, text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private void ageEverything() throws IOException {
        try (var files = Files.walk(root)) {
            for (Path file : files.toList()) {
                Files.setLastModifiedTime(file, FileTime.from(Instant.now().minusSeconds(60)));
            }
        }
    }

    private static void touchLater(Path file) throws IOException {
        Files.setLastModifiedTime(file, FileTime.from(Instant.now().plusSeconds(1)));
    }

    private static List<String> lines(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8).lines().toList();
    }
}
