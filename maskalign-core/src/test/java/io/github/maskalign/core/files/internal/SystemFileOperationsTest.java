package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.TestFiles;
import io.github.maskalign.core.files.internal.FileOperations.CheckpointWriteException;
import io.github.maskalign.core.files.internal.FileOperations.SystemFileOperations;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** File systems that lack a call, and what is said when one fails. */
class SystemFileOperationsTest {
    @TempDir
    Path folder;

    private static SystemFileOperations disk(String ofChmod, String ofFsync) {
        return new SystemFileOperations(
                (path, rights) -> {
                    if (!ofChmod.isEmpty()) {
                        throw new FileSystemException(path.toString(), null, ofChmod);
                    }
                },
                path -> {
                    if (!ofFsync.isEmpty()) {
                        throw new IOException(ofFsync);
                    }
                });
    }

    private static void write(FileOperations files, Path target) throws IOException {
        AtomicFile.write(files, target, out -> out.write(ByteBuffer.wrap(new byte[] {'h', 'i'})));
    }

    @ParameterizedTest
    @ValueSource(strings = {"Operation not permitted", "Operation not supported", "Function not implemented"})
    void fileSystemThatRefusesChmodIsWrittenTo(String refusal) throws Exception {
        FileOperations files = disk(refusal, "");
        Path target = folder.resolve("a.txt");

        write(files, target);
        CheckpointDir.open(files, folder.resolve("checkpoints"), 1)
                .save(7, Map.of("m", TestFiles.state(1, 2, 3)), Map.of());

        assertThat(target).hasContent("hi");
        assertThat(CheckpointDir.openReadOnly(folder.resolve("checkpoints")).latestValid())
                .get()
                .satisfies(latest -> assertThat(latest.checkpoint().step()).isEqualTo(7));
    }

    @ParameterizedTest
    @ValueSource(strings = {"Invalid argument", "Operation not supported", "Function not implemented"})
    void fileSystemThatCannotForceFoldersIsWrittenTo(String refusal) {
        assertThatCode(() -> write(disk("", refusal), folder.resolve("a.txt"))).doesNotThrowAnyException();

        assertThat(folder.resolve("a.txt")).hasContent("hi");
    }

    @Test
    void callThatFailsIsNamed() {
        Path target = folder.resolve("a.txt");

        assertThatThrownBy(() -> write(disk("Input/output error", ""), target))
                .isInstanceOf(CheckpointWriteException.class)
                .hasMessageStartingWith("could not write " + target + ": ")
                .hasMessageContaining("setting the access rights (chmod): Input/output error; what was there before");
        assertThatThrownBy(() -> write(disk("", "Input/output error"), target))
                .isInstanceOf(CheckpointWriteException.class)
                .hasMessageContaining("forcing the folder to the disk (fsync): Input/output error; it is complete");
        assertThat(Files.exists(target)).isTrue();
    }
}
