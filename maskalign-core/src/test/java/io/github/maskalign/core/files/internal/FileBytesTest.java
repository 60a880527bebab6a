package io.github.maskalign.core.files.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.EOFException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileBytesTest {
    private static final int SIZE = (17 << 20) + 13; // several pieces and an odd rest

    @TempDir
    Path folder;

    private byte[] content;
    private Path file;

    @BeforeEach
    void write() throws Exception {
        content = new byte[SIZE];
        new Random(1).nextBytes(content);
        file = Files.write(folder.resolve("bytes"), content);
    }

    @Test
    void largeDirectReadsHaveTheFilesBytesInOrder() throws Exception {
        ByteBuffer target = ByteBuffer.allocateDirect(SIZE);
        target.position(3).limit(SIZE - 5);

        try (FileChannel channel = FileChannel.open(file)) {
            FileBytes.fill(channel, 7, target);
        }

        assertThat(target.position()).isEqualTo(SIZE - 5);
        byte[] found = new byte[SIZE - 8];
        target.position(3).get(found);
        assertThat(found).isEqualTo(Arrays.copyOfRange(content, 7, SIZE - 1));
    }

    @Test
    void smallReadsIntoTheHeapWorkToo() throws Exception {
        ByteBuffer target = ByteBuffer.allocate(100);

        try (FileChannel channel = FileChannel.open(file)) {
            FileBytes.fill(channel, SIZE - 100L, target);
        }

        assertThat(target.array()).isEqualTo(Arrays.copyOfRange(content, SIZE - 100, SIZE));
    }

    @Test
    void aFileThatEndsTooEarlyIsAnEndOfFile() throws Exception {
        try (FileChannel channel = FileChannel.open(file)) {
            for (ByteBuffer target : new ByteBuffer[] {ByteBuffer.allocateDirect(SIZE), ByteBuffer.allocate(SIZE)}) {
                assertThatThrownBy(() -> FileBytes.fill(channel, 1, target))
                        .isInstanceOf(EOFException.class)
                        .hasMessage("end of file at " + SIZE);
            }
        }
    }
}
