package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import ai.djl.TrainingDivergedException;
import ai.djl.engine.EngineException;
import io.github.maskalign.core.data.PictureSets;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.RunLock;
import io.github.maskalign.core.image.PictureFormatException;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.Failures.Failure;
import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import java.util.zip.ZipException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class FailuresTest {
    @TempDir
    Path folder;

    static Stream<Arguments> knownErrors() {
        return Stream.of(
                Arguments.of(CommandFailure.failed("case 3 differs"), 1, "case 3 differs"),
                Arguments.of(CommandFailure.badInput("not a run folder"), 2, "not a run folder"),
                Arguments.of(new TrainingDivergedException("step 7: loss is NaN"), 3, "step 7: loss is NaN"),
                Arguments.of(
                        new CheckpointFormatException("a.safetensors", List.of("no tensor x")),
                        2,
                        "a.safetensors: no tensor x"),
                Arguments.of(new PictureFormatException("a.png", "it is cut off"), 2, "a.png: it is cut off"),
                Arguments.of(new NoSuchFileException("a.yaml"), 2, "file not found: a.yaml"),
                Arguments.of(new FileNotFoundException("a.yaml"), 2, "file not found: a.yaml"),
                Arguments.of(new NotDirectoryException("a"), 2, "not a folder: a"),
                Arguments.of(
                        new FileAlreadyExistsException("a"), 4, "a folder is needed but a file is in its place: a"),
                Arguments.of(
                        new FileSystemLoopException("a/b"), 2, "a symbolic link leads back to a folder it is in: a/b"),
                Arguments.of(new FileSystemException("a/b", null, "Not a directory"), 2, "a/b: Not a directory"),
                Arguments.of(new PictureFormatException("a.png", "is empty"), 2, "a.png: is empty"),
                Arguments.of(new EOFException("a.npy"), 2, "a file ends too early: a.npy"),
                Arguments.of(new MalformedInputException(1), 2, "a text file is not UTF-8: Input length = 1"),
                Arguments.of(new ZipException("bad header"), 2, "a zip file is broken: bad header"),
                Arguments.of(new AccessDeniedException("/runs"), 4, "permission denied: /runs"),
                Arguments.of(
                        new FileSystemException("/runs", null, "Read-only file system"),
                        4,
                        "/runs: Read-only file system"),
                Arguments.of(new IOException("No space left on device"), 4, "No space left on device"),
                Arguments.of(new IOException("Connection reset"), 1, "Connection reset"),
                Arguments.of(
                        new IllegalArgumentException("k must be in [1, 2] but was 3"),
                        2,
                        "k must be in [1, 2] but was 3"),
                Arguments.of(new UncheckedIOException(new NoSuchFileException("a.yaml")), 2, "file not found: a.yaml"),
                Arguments.of(new ExecutionException(new TrainingDivergedException("step 7")), 3, "step 7"),
                Arguments.of(
                        new EngineException(
                                "f failed", new EngineException("CUDA out of memory. Tried to allocate 1 GiB")),
                        1,
                        "there is not enough of the GPU's memory (CUDA out of memory. Tried to allocate 1 GiB); choose a"
                                + " smaller batch or model, or see 'out of memory' in docs/troubleshooting.md"),
                Arguments.of(
                        new OutOfMemoryError("Java heap space"),
                        1,
                        "the Java heap is too small (Java heap space); set MASKALIGN_JAVA_OPTS=-Xmx8g or choose a smaller batch"));
    }

    @ParameterizedTest
    @MethodSource("knownErrors")
    void knownErrorHasItsExitCodeAndMessage(Throwable error, int exitCode, String message) {
        assertThat(Failures.of(error)).isEqualTo(new Failure(exitCode, message, true));
    }

    @Test
    void whatIsNoPictureSetIsABadInput() throws IOException {
        AtomicFile.write(folder.resolve("loose.png"), "text");
        AtomicFile.write(Files.createDirectory(folder.resolve("circle")).resolve("a.png"), "text");

        Failure failure = Failures.of(catchThrowable(() -> PictureSets.open(folder)));

        assertThat(failure.exitCode()).isEqualTo(ExitCode.BAD_INPUT);
        assertThat(failure.message()).contains("loose.png").contains("folder for each class");
    }

    @Test
    void folderInUseCannotBeWritten() throws IOException {
        try (RunLock held = RunLock.acquire(folder)) {
            Throwable error = catchThrowable(() -> RunLock.acquire(folder));

            assertThat(held).isNotNull();
            assertThat(Failures.of(error).exitCode()).isEqualTo(4);
            assertThat(Failures.of(error).message()).contains("is in use by");
        }
    }

    @Test
    void failedCheckpointCannotBeWritten() {
        Throwable error = catchThrowable(() -> AtomicFile.write(folder.resolve("missing/file"), "text"));

        assertThat(Failures.of(error).exitCode()).isEqualTo(4);
        assertThat(Failures.of(error).message()).contains("could not write");
    }

    @Test
    void engineErrorTellsAllCausesAndTheWayToTheDoctor() {
        Failure failure = Failures.of(new EngineException("Failed to load", new UnsatisfiedLinkError("libtorch.so")));

        assertThat(failure.exitCode()).isEqualTo(1);
        assertThat(failure.message()).isEqualTo("""
                the engine failed: Failed to load
                  because of java.lang.UnsatisfiedLinkError: libtorch.so
                run 'maskalign doctor' to check the installation""");
    }

    @Test
    void missingNativesAreOneLine() {
        Failure failure = Failures.of(
                new EngineException("Failed to save pytorch index file", new IOException("Offline model is enabled.")));

        assertThat(failure.exitCode()).isEqualTo(1);
        assertThat(failure.message())
                .startsWith("the engine's native libraries are missing: no pytorch-native jar for this platform")
                .doesNotContain("\n", "index file");
    }

    @Test
    void errorOfOurOwnMakingIsNotKnown() {
        assertThat(Failures.of(new IllegalStateException("closed")))
                .isEqualTo(new Failure(1, "unexpected java.lang.IllegalStateException: closed", false));
        assertThat(Failures.of(new NumberFormatException("x")).known()).isFalse();
    }
}
