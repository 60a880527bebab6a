package io.github.maskalign.core.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.github.maskalign.core.files.internal.FaultyFiles;
import io.github.maskalign.core.files.internal.FaultyFiles.Fault;
import io.github.maskalign.core.files.internal.FileOperations;
import io.github.maskalign.core.files.internal.FileOperations.CheckpointWriteException;
import io.github.maskalign.core.files.internal.FileOperations.TemporaryName;
import io.github.maskalign.core.files.internal.UndeletableFiles;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class AtomicFileTest {
    private static final String OLD = "the old content, longer than the new one";
    private static final String NEW = "the new content";

    @TempDir
    Path folder;

    private void writeNew(FileOperations files, Path target) throws IOException {
        AtomicFile.write(files, target, out -> {
            out.write(ByteBuffer.wrap(NEW.substring(0, 7).getBytes()));
            out.write(ByteBuffer.wrap(NEW.substring(7).getBytes()));
        });
    }

    @Test
    void createsAndReplaces() throws Exception {
        Path target = folder.resolve("a.txt");

        AtomicFile.write(target, OLD);
        AtomicFile.write(target, NEW);

        assertThat(target).hasContent(NEW);
        assertThat(TestFiles.names(folder)).containsExactly("a.txt");
    }

    @ParameterizedTest
    @EnumSource(Fault.class)
    void faultAtAnyCallLeavesOldOrNew(Fault fault) throws Exception {
        Path target = folder.resolve("a.txt");
        int call = 0;
        for (boolean struck = true; struck; call++) {
            AtomicFile.write(target, OLD);
            FaultyFiles files = new FaultyFiles(fault, call);

            Throwable thrown = catchThrowable(() -> writeNew(files, target));

            struck = files.struck();
            assertThat(Files.readString(target))
                    .as("%s at call %d", fault, call)
                    .isIn(OLD, NEW);
            boolean killed = fault == Fault.KILL_BEFORE || fault == Fault.KILL_AFTER;
            if (struck && killed) {
                assertThat(thrown).isInstanceOf(FaultyFiles.Killed.class);
            } else if (struck) {
                assertThat(thrown)
                        .isInstanceOf(CheckpointWriteException.class)
                        .hasMessageContaining("could not write " + target + ": No space left on device; ");
                boolean replaced = Files.readString(target).equals(NEW);
                assertThat(thrown).hasMessageContaining(replaced ? "may bring back" : "is unchanged");
            } else {
                assertThat(thrown).isNull();
                assertThat(target).hasContent(NEW);
            }
            if (fault == Fault.FAIL) {
                assertThat(TestFiles.names(folder)).containsExactly("a.txt");
            }
            AtomicFile.removeLeftovers(folder);
            assertThat(TestFiles.names(folder)).containsExactly("a.txt");
        }
        assertThat(call).isGreaterThan(7); // create, 2 writes, publish, force, rename, force of the folder, none
    }

    @Test
    void exceptionOfTheWriterKeepsTheOldFile() throws Exception {
        Path target = folder.resolve("a.txt");
        AtomicFile.write(target, OLD);

        assertThatThrownBy(() -> AtomicFile.write(target, out -> {
                    out.write(ByteBuffer.wrap(new byte[10]));
                    throw new IllegalStateException("tensor is closed");
                }))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("tensor is closed");

        assertThat(target).hasContent(OLD);
        assertThat(TestFiles.names(folder)).containsExactly("a.txt");
    }

    @Test
    void missingFolderIsReported() {
        Path target = folder.resolve("missing").resolve("a.txt");

        assertThatThrownBy(() -> AtomicFile.write(target, NEW))
                .isInstanceOf(CheckpointWriteException.class)
                .hasMessageContaining("could not write " + target + ": NoSuchFileException");
    }

    @Test
    void temporaryFileIsPrivateAndResultHasTheReadersOfItsFolder() throws Exception {
        Path open = Files.createDirectory(folder.resolve("open"));
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxr-x"));
        Path target = open.resolve("a.txt");

        AtomicFile.write(target, out -> {
            out.write(ByteBuffer.wrap(NEW.getBytes()));
            Path temporary = TemporaryName.leftoversIn(open).get(0);
            assertThat(temporary.getFileName().toString()).matches("\\.a\\.txt\\.tmp-[0-9a-f]{16}");
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(temporary)))
                    .isEqualTo("rw-------");
        });

        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(target)))
                .isEqualTo("rw-r--r--");
    }

    @Test
    void onlyLeftoversAreRemoved() throws Exception {
        Files.writeString(folder.resolve(".a.safetensors.tmp-0123456789abcdef"), "half");
        Path tree = Files.createDirectory(folder.resolve(".state-0000001.tmp-00000000000000ff"));
        Files.writeString(tree.resolve("model.safetensors"), "half");
        Files.writeString(folder.resolve("a.tmp-0123456789abcdef"), "a user's file");
        Files.writeString(folder.resolve(".a.tmp-xyz"), "a user's file");

        int removed = AtomicFile.removeLeftovers(folder);

        assertThat(removed).isEqualTo(2);
        assertThat(TestFiles.names(folder)).containsExactly(".a.tmp-xyz", "a.tmp-0123456789abcdef");
    }

    @Test
    void leftoverThatCannotBeDeletedIsPassedOver() throws Exception {
        Path stuck = Files.createDirectory(folder.resolve(".a.tmp-0000000000000001"));
        Files.writeString(stuck.resolve(".nfs0000000000000001"), "somebody has it open");
        Files.writeString(folder.resolve(".b.tmp-0000000000000002"), "half");

        int removed = AtomicFile.removeLeftovers(new UndeletableFiles(".nfs"), folder);

        assertThat(removed).isEqualTo(1);
        assertThat(TestFiles.names(folder)).containsExactly(".a.tmp-0000000000000001");
    }
}
