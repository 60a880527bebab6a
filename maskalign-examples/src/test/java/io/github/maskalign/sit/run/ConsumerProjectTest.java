package io.github.maskalign.sit.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureWriter;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code examples/consumer}, a project of its own: built by Maven from a repository that holds this build's artefacts
 * under their own POMs, offline, and run.
 */
class ConsumerProjectTest {
    private static final Path PROJECT = Path.of("..", "examples", "consumer");
    private static final String VERSION = "0.1.0-SNAPSHOT";
    private static final List<String> MODULES = List.of("maskalign-core", "maskalign-encoders", "maskalign-sit");

    @TempDir
    Path home;

    @Test
    void compilesAgainstOneModuleAndWhatItBrings() throws Exception {
        String classPath = String.join(
                File.pathSeparator, DependencyTree.of("maskalign-sit").classPath());
        StringWriter problems = new StringWriter();
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null);
                Stream<Path> sources = Files.walk(PROJECT.resolve("src"))) {
            List<Path> all =
                    sources.filter(file -> file.toString().endsWith(".java")).toList();

            boolean compiled = compiler.getTask(
                            problems,
                            files,
                            null,
                            List.of(
                                    "-proc:none",
                                    "-Xlint:all,-processing",
                                    "-Werror",
                                    "-d",
                                    home.toString(),
                                    "-cp",
                                    classPath),
                            null,
                            files.getJavaFileObjectsFromPaths(all))
                    .call();

            assertThat(compiled).as(problems.toString()).isTrue();
            assertThat(all).hasSizeGreaterThan(3);
        }
    }

    @Test
    @Tag("slow")
    void buildsWithMavenAndRuns() throws Exception {
        Path repository = install(home.resolve("repository"));
        Path project = copy(PROJECT, home.resolve("consumer"));
        pictures(home.resolve("pictures"));

        String built =
                run(project, "mvn", "-o", "-B", "-q", "-Dmaven.repo.local=" + repository.toAbsolutePath(), "compile");
        assertThat(project.resolve("target/classes/consumer/Main.class"))
                .as(built)
                .exists();
        String classPath = Files.readString(project.resolve("target/classpath"));
        assertThat(classPath).contains("maskalign-sit-" + VERSION + ".jar", repository.toString());
        String said = run(
                project,
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx2g",
                "-Djava.awt.headless=true",
                "-DOPT_OUT_TRACKING=true",
                "-Dai.djl.offline=true",
                "-cp",
                project.resolve("target/classes") + File.pathSeparator + classPath,
                "consumer.Main",
                home.resolve("pictures").toString(),
                home.resolve("out").toString(),
                "2");

        assertThat(said)
                .contains(
                        "step        2 of 2",
                        "embedding of 128 numbers",
                        "patch tokens (64, 128)",
                        "metrics of 2 steps")
                .contains("drew 2 by a predictor, a picture of 32 x 32 pixels", "done");
        assertThat(home.resolve("out/run/snapshot-0000002.safetensors")).isNotEmptyFile();
        assertThat(home.resolve("out/samples/000003.png")).isNotEmptyFile();
        assertThat(home.resolve("out/report.html")).isNotEmptyFile();
        assertThat(home.resolve("out/easy.safetensors")).isNotEmptyFile();
    }

    /** Nothing that cleans up after the test meets a link to the shared repository. */
    @AfterEach
    void unlink() throws IOException {
        if (Files.exists(home.resolve("repository"))) {
            try (Stream<Path> all = Files.walk(home.resolve("repository"), 4)) {
                for (Path link : all.filter(Files::isSymbolicLink).toList()) {
                    Files.delete(link);
                }
            }
        }
    }

    /**
     * Lays out a repository with this build's modules as {@code mvn install} does, and everything else by links to the
     * repository that the tests' class path is from.
     */
    private static Path install(Path repository) throws IOException {
        Path gson = DependencyTree.available().get("gson"); // com/google/code/gson/gson/VERSION/FILE
        Path shared = gson.toAbsolutePath();
        for (int i = 0; i < 7; i++) {
            shared = shared.getParent();
        }
        Path ours = repository.resolve("io/github/maskalign");
        Path level = repository;
        Path other = shared;
        for (String name : List.of("io", "github", "maskalign")) { // the folders on the way are our own
            Files.createDirectories(level);
            if (Files.isDirectory(other)) {
                try (Stream<Path> entries = Files.list(other)) {
                    for (Path entry : entries.toList()) {
                        if (!entry.getFileName().toString().equals(name)) {
                            Files.createSymbolicLink(level.resolve(entry.getFileName()), entry);
                        }
                    }
                }
            }
            level = level.resolve(name);
            other = other.resolve(name);
        }
        put(ours, "maskalign-parent", Path.of("..", "pom.xml"));
        Map<String, Path> available = DependencyTree.available();
        for (String module : MODULES) {
            Path folder = put(ours, module, Path.of("..", module, "pom.xml"));
            Path jar = folder.resolve(module + "-" + VERSION + ".jar");
            Path built = available.get(module);
            if (Files.isRegularFile(built)) {
                Files.copy(built, jar);
            } else {
                pack(built, jar);
            }
        }
        return repository;
    }

    private static Path put(Path group, String artifact, Path pom) throws IOException {
        Path folder = Files.createDirectories(group.resolve(artifact).resolve(VERSION));
        Files.copy(pom, folder.resolve(artifact + "-" + VERSION + ".pom"));
        return folder;
    }

    private static void pack(Path classes, Path jar) throws IOException {
        try (OutputStream file = Files.newOutputStream(jar);
                JarOutputStream out = new JarOutputStream(file);
                Stream<Path> all = Files.walk(classes)) {
            for (Path entry : all.filter(Files::isRegularFile).sorted().toList()) {
                out.putNextEntry(new JarEntry(classes.relativize(entry).toString()));
                Files.copy(entry, out);
                out.closeEntry();
            }
        }
    }

    private static Path copy(Path from, Path to) throws IOException {
        try (Stream<Path> all = Files.walk(from)) {
            for (Path file :
                    all.filter(file -> !file.startsWith(from.resolve("target"))).toList()) {
                Path target = to.resolve(from.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(target);
                } else {
                    Files.copy(file, target);
                }
            }
        }
        return to;
    }

    private static void pictures(Path root) throws IOException {
        for (int c = 0; c < 2; c++) {
            Path folder = Files.createDirectories(root.resolve(c == 0 ? "ant" : "bee"));
            for (int i = 0; i < 4; i++) {
                byte[] bytes = new byte[3 * 40 * 36];
                for (int k = 0; k < bytes.length; k++) {
                    bytes[k] = (byte) (k * (i + 1) + 100 * c);
                }
                PictureWriter.write(
                        folder.resolve(i + ".png"), Picture.of(40, 36, bytes), PictureWriter.Packing.DEFLATED);
            }
        }
    }

    private String run(Path folder, String... command) throws Exception {
        Path said = Files.createTempFile(home, "said", ".txt");
        List<String> all = new ArrayList<>(List.of(command));
        ProcessBuilder builder = new ProcessBuilder(all)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(said.toFile());
        builder.environment().put("OMP_WAIT_POLICY", "PASSIVE"); // the machine may be busy
        Process process = builder.start();
        boolean ended = process.waitFor(15, TimeUnit.MINUTES);
        process.destroyForcibly();
        String text = Files.readString(said);
        assertThat(ended).as(text).isTrue();
        assertThat(process.exitValue()).as(text).isZero();
        return text;
    }
}
