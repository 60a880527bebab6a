package io.github.maskalign.examples.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.examples.doctor.Diagnosis.Check;
import io.github.maskalign.examples.doctor.Diagnosis.Check.Result;
import java.io.File;
import java.io.IOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DjlVersionsTest {
    @TempDir
    Path folder;

    private final List<URL> jars = new ArrayList<>();

    @Test
    void classPathOfThisProjectIsSound() {
        assertThat(DjlVersions.read(getClass().getClassLoader()).checks(LibtorchPlace.read()))
                .extracting(Check::result)
                .containsOnly(Result.OK);
    }

    @Test
    void soundClassPathPasses() throws IOException {
        soundJars();

        assertThat(results()).containsExactly(Result.OK, Result.OK, Result.OK);
    }

    @Test
    void mixedVersionsFail() throws IOException {
        soundJars();
        jar("old-api", "ai/djl/engine/api.properties", "djl_version=0.28.0");

        List<Check> checks = checks();

        assertThat(checks.get(0).result()).isEqualTo(Result.FAILED);
        assertThat(checks.get(0).detail()).isEqualTo("found [0.28.0, 0.29.0]");
        assertThat(checks.get(0).remedy()).isNotEmpty();
    }

    @Test
    void missingJniFails() throws IOException {
        soundJars();
        jars.remove(2);

        Check jni = checks().get(1);

        assertThat(jni.result()).isEqualTo(Result.FAILED);
        assertThat(jni.detail()).isEqualTo("found missing but the engine needs 2.3.1-0.29.0");
    }

    @Test
    void twoNativesFail() throws IOException {
        soundJars();
        jar("cuda", "native/lib/pytorch.properties", "version=2.3.1\nflavor=cu121\nclassifier=linux-x86_64");

        Check natives = checks().get(2);

        assertThat(natives.result()).isEqualTo(Result.FAILED);
        assertThat(natives.detail()).contains("2.3.1-20240621 cpu linux-x86_64 and 2.3.1 cu121 linux-x86_64");
    }

    @Test
    void nativesOfAnotherVersionFail() throws IOException {
        soundJars();
        jars.remove(3);
        jar("newer", "native/lib/pytorch.properties", "version=2.3.10\nflavor=cpu\nclassifier=linux-x86_64");

        assertThat(results()).containsExactly(Result.OK, Result.OK, Result.FAILED);
    }

    @Test
    void emptyClassPathFails() throws IOException {
        assertThat(results()).containsExactly(Result.FAILED, Result.FAILED, Result.FAILED);
    }

    @Test
    void aNamedFolderIsLookedIntoAndTheClassPathIsNot() throws IOException {
        soundJars();
        jar("cuda", "native/lib/pytorch.properties", "version=2.3.1\nflavor=cu121\nclassifier=linux-x86_64");
        Path own = libtorchIn("own");
        String named = folder.resolve("none") + File.pathSeparator + own;

        Check found = checks(place(Optional.of(named), true)).get(2);
        Check ofFile = checks(place(Optional.of(own.resolve("libtorch.so").toString()), true))
                .get(2);

        assertThat(found).isEqualTo(Check.ok("libtorch is there", own + ", as PYTORCH_LIBRARY_PATH says"));
        assertThat(ofFile).isEqualTo(found);
    }

    @Test
    void aNamedFolderWithoutLibtorchIsToldWhateverElseIsThere() throws IOException {
        soundJars();
        Optional<String> named = Optional.of(folder.resolve("none").toString());

        Check jar = checks(place(named, true)).get(2);
        jars.remove(3);
        Check nothing = checks(place(named, true)).get(2);

        assertThat(jar.result()).isEqualTo(Result.WARNING);
        assertThat(jar.detail())
                .isEqualTo("PYTORCH_LIBRARY_PATH is " + folder.resolve("none")
                        + ", where there is no libtorch.so; the engine takes 2.3.1-20240621 cpu linux-x86_64");
        assertThat(nothing.result()).isEqualTo(Result.FAILED);
    }

    @Test
    void withoutAJarTheCacheIsLookedInto() throws IOException {
        soundJars();
        jars.remove(3);

        assertThat(checks(place(Optional.empty(), false)).get(2).result())
                .as("DJL downloads")
                .isEqualTo(Result.WARNING);
        assertThat(checks().get(2).result()).as("DJL may not").isEqualTo(Result.FAILED);

        libtorchIn("cache/2.3.10-cpu-linux-x86_64");
        libtorchIn("cache/2.3.1-cu121-linux-x86_64");
        assertThat(checks().get(2).result()).as("another version or flavour").isEqualTo(Result.FAILED);

        Path cached = libtorchIn("cache/2.3.1-cpu-linux-x86_64");
        Check found = checks().get(2);
        assertThat(found.result()).isEqualTo(Result.OK);
        assertThat(found.detail()).startsWith(cached + ", unpacked before");
    }

    private Path libtorchIn(String name) throws IOException {
        Path made = Files.createDirectories(folder.resolve(name));
        Files.createFile(made.resolve("libtorch.so"));
        return made;
    }

    private void soundJars() throws IOException {
        jar("api", "ai/djl/engine/api.properties", "djl_version=0.29.0");
        jar("engine", "pytorch-engine.properties", "djl_version=0.29.0\npytorch_version=2.3.1");
        jar("jni", "jnilib/pytorch.properties", "jni_version=2.3.1-0.29.0");
        jar("cpu", "native/lib/pytorch.properties", "version=2.3.1-20240621\nflavor=cpu\nclassifier=linux-x86_64");
        jar("tokenizers", "native/lib/tokenizers.properties", "version=0.19.1-0.29.0");
    }

    /** A folder on the class path does for a jar. */
    private void jar(String name, String resource, String text) throws IOException {
        Path file = folder.resolve(name).resolve(resource);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
        jars.add(url(folder.resolve(name)));
    }

    private List<Result> results() throws IOException {
        return checks().stream().map(Check::result).toList();
    }

    private List<Check> checks() throws IOException {
        return checks(place(Optional.empty(), true));
    }

    private List<Check> checks(LibtorchPlace place) throws IOException {
        try (URLClassLoader loader = new URLClassLoader(jars.toArray(new URL[0]), null)) {
            return DjlVersions.read(loader).checks(place);
        }
    }

    private LibtorchPlace place(Optional<String> named, boolean offline) {
        return new LibtorchPlace(named, Optional.of("cpu"), folder.resolve("cache"), offline);
    }

    private static URL url(Path path) throws MalformedURLException {
        return path.toUri().toURL();
    }
}
