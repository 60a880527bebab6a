package io.github.maskalign.examples;

import ai.djl.TrainingDivergedException;
import ai.djl.engine.EngineException;
import io.github.maskalign.core.config.ConfigException;
import io.github.maskalign.core.data.internal.PictureSet.PictureSetException;
import io.github.maskalign.core.data.internal.PreparedStore.PrepareException;
import io.github.maskalign.core.distributed.Agreement.RankFailedException;
import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import io.github.maskalign.core.engine.internal.MemoryShortage;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.FileOperations.CheckpointWriteException;
import io.github.maskalign.core.files.internal.RunLock.RunLockedException;
import io.github.maskalign.core.image.PictureFormatException;
import io.github.maskalign.core.script.ScriptModule.ScriptFormatException;
import io.github.maskalign.core.train.TrainLoop.UnsavedStateException;
import io.github.maskalign.core.train.TrainStep.StepMemoryException;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.natives.EngineNatives.NativesException;
import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.zip.ZipException;
import org.jspecify.annotations.Nullable;

/** Turns exceptions into one message and an exit code, by the first row of a table that fits. */
final class Failures {
    private static final List<Row> TABLE = List.of(
            row(CommandFailure.class, e -> ((CommandFailure) e).exitCode(), Failures::message),
            row(ConfigException.class, ExitCode.BAD_INPUT, Failures::message),
            row(TrainingDivergedException.class, ExitCode.DIVERGED, Failures::message),
            row(CheckpointFormatException.class, ExitCode.BAD_INPUT, Failures::message),
            row(CheckpointWriteException.class, ExitCode.CANNOT_WRITE, Failures::message),
            row(UnsavedStateException.class, ExitCode.CANNOT_WRITE, Failures::message),
            row(PictureSetException.class, ExitCode.BAD_INPUT, Failures::message),
            row(
                    PrepareException.class,
                    e -> e.getCause() instanceof ExecutionException || e.getCause() instanceof InterruptedException
                            ? ExitCode.FAILED
                            : ExitCode.BAD_INPUT,
                    Failures::message),
            row(PictureFormatException.class, ExitCode.BAD_INPUT, Failures::message),
            row(ScriptFormatException.class, ExitCode.BAD_INPUT, Failures::message),
            row(NativesException.class, ExitCode.FAILED, Failures::message),
            row(RunLockedException.class, ExitCode.CANNOT_WRITE, Failures::message),
            row(NoSuchFileException.class, ExitCode.BAD_INPUT, e -> "file not found: " + e.getMessage()),
            row(FileNotFoundException.class, ExitCode.BAD_INPUT, e -> "file not found: " + e.getMessage()),
            row(NotDirectoryException.class, ExitCode.BAD_INPUT, e -> "not a folder: " + e.getMessage()),
            row(EOFException.class, ExitCode.BAD_INPUT, e -> "a file ends too early: " + e.getMessage()),
            row(CharacterCodingException.class, ExitCode.BAD_INPUT, e -> "a text file is not UTF-8: " + e.getMessage()),
            row(ZipException.class, ExitCode.BAD_INPUT, e -> "a zip file is broken: " + e.getMessage()),
            row(AccessDeniedException.class, ExitCode.CANNOT_WRITE, e -> "permission denied: " + e.getMessage()),
            row(
                    FileAlreadyExistsException.class,
                    ExitCode.CANNOT_WRITE,
                    e -> "a folder is needed but a file is in its place: " + e.getMessage()),
            row(
                    FileSystemLoopException.class,
                    ExitCode.BAD_INPUT,
                    e -> "a symbolic link leads back to a folder it is in: " + e.getMessage()),
            row(FileSystemException.class, Failures::fileSystemExitCode, Failures::message),
            row(IOException.class, Failures::ioExitCode, Failures::message),
            row(RankFailedException.class, ExitCode.FAILED, Failures::message),
            row(CommunicationException.class, ExitCode.FAILED, Failures::message),
            row(StepMemoryException.class, ExitCode.FAILED, Failures::message),
            row(EngineException.class, ExitCode.FAILED, Failures::engineMessage),
            row(LinkageError.class, ExitCode.FAILED, Failures::engineMessage),
            row(
                    OutOfMemoryError.class,
                    ExitCode.FAILED,
                    e -> "the Java heap is too small (" + e.getMessage()
                            + "); set MASKALIGN_JAVA_OPTS=-Xmx8g or choose a smaller batch"));

    /** What Linux says, in a plain IOException, when a write fails for want of space or right. */
    private static final Pattern CANNOT_WRITE =
            Pattern.compile("No space left on device|Disk quota exceeded|Read-only file system|File too large");

    /** What Linux says of a path that leads nowhere. */
    private static final Pattern NO_PATH =
            Pattern.compile("Not a directory|Is a directory|Too many levels of symbolic links|File name too long");

    /** What DJL says when it finds no libraries to load and would download them. */
    private static final String NO_NATIVES = "Failed to save pytorch index file";

    private Failures() {}

    /**
     * What a user is told.
     *
     * @param exitCode exit code of the process
     * @param message what went wrong, one or a few lines
     * @param known whether the message says enough; otherwise the stack trace is part of the report
     */
    record Failure(int exitCode, String message, boolean known) {}

    static Failure of(Throwable thrown) {
        Throwable error = unwrap(thrown);
        for (Row row : TABLE) {
            if (row.type().isInstance(error)) {
                return new Failure(row.exitCode().apply(error), row.message().apply(error), true);
            }
        }
        if (error.getClass() == IllegalArgumentException.class) { // a value that its owner refuses
            return new Failure(ExitCode.BAD_INPUT, message(error), true);
        }
        return new Failure(ExitCode.FAILED, "unexpected " + error, false);
    }

    private static Throwable unwrap(Throwable thrown) {
        Throwable error = thrown;
        while ((error instanceof UncheckedIOException || error instanceof ExecutionException)
                && error.getCause() != null) {
            error = error.getCause();
        }
        return error;
    }

    private static String message(Throwable error) {
        String message = error.getMessage();
        return message == null ? error.toString() : message;
    }

    private static int fileSystemExitCode(Throwable error) {
        return NO_PATH.matcher(message(error)).find() ? ExitCode.BAD_INPUT : ExitCode.CANNOT_WRITE;
    }

    private static int ioExitCode(Throwable error) {
        return CANNOT_WRITE.matcher(message(error)).find() ? ExitCode.CANNOT_WRITE : ExitCode.FAILED;
    }

    private static String engineMessage(Throwable error) {
        Optional<MemoryShortage> shortage = MemoryShortage.in(error);
        if (shortage.isPresent()) {
            return "there is not enough of " + shortage.get().place().words() + " ("
                    + shortage.get().words() + "); choose a smaller batch or model, or see 'out of memory' in"
                    + " docs/troubleshooting.md";
        }
        if (message(error).startsWith(NO_NATIVES)) {
            return "the engine's native libraries are missing: no pytorch-native jar for this platform is on the class path"
                    + " and DJL may not download one; run 'maskalign doctor', or see 'Native libraries' in"
                    + " docs/troubleshooting.md";
        }
        StringBuilder text = new StringBuilder("the engine failed: " + message(error));
        for (@Nullable Throwable cause = error.getCause(); cause != null; cause = cause.getCause()) {
            text.append("\n  because of ").append(cause);
        }
        return text.append("\nrun 'maskalign doctor' to check the installation").toString();
    }

    private static Row row(Class<? extends Throwable> type, int exitCode, Function<Throwable, String> message) {
        return row(type, error -> exitCode, message);
    }

    private static Row row(
            Class<? extends Throwable> type,
            Function<Throwable, Integer> exitCode,
            Function<Throwable, String> message) {
        return new Row(type, exitCode, message);
    }

    /** What is said about one type of exception and its subtypes. */
    private record Row(
            Class<? extends Throwable> type,
            Function<Throwable, Integer> exitCode,
            Function<Throwable, String> message) {}
}
