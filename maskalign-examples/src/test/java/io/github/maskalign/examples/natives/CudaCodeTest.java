package io.github.maskalign.examples.natives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CudaCodeTest {
    @TempDir
    Path folder;

    /** One entry of a container. */
    private record Entry(int kind, int architecture, int bytes) {}

    @Test
    void everyContainerOfTheSectionIsRead() throws Exception {
        write(
                ".nv_fatbin",
                container(new Entry(2, 80, 24), new Entry(2, 50, 8)),
                new byte[16], // room between two containers
                container(new Entry(2, 86, 40), new Entry(1, 90, 16), new Entry(2, 90, 8)));

        CudaCode code = CudaCode.inFolder(folder).orElseThrow();

        assertThat(code.machine()).containsExactly(50, 80, 86, 90);
        assertThat(code.ptx()).containsExactly(90);
        assertThat(code.words()).isEqualTo("5.0 8.0 8.6 9.0, newer ones from 9.0 by PTX");
    }

    @Test
    void machineCodeRunsWithinItsGenerationAndPtxFromItsOnward() throws Exception {
        write(".nv_fatbin", container(new Entry(2, 80, 8), new Entry(2, 90, 8)));
        CudaCode machine = CudaCode.inFolder(folder).orElseThrow();
        write(".nv_fatbin", container(new Entry(2, 80, 8), new Entry(1, 90, 8)));
        CudaCode both = CudaCode.inFolder(folder).orElseThrow();

        assertThat(List.of(75, 80, 89, 90, 100, 120).stream().map(machine::runsOn))
                .containsExactly(false, true, true, true, false, false);
        assertThat(List.of(75, 80, 89, 90, 100, 120).stream().map(both::runsOn))
                .containsExactly(false, true, true, true, true, true);
        assertThat(machine.words()).isEqualTo("8.0 9.0");
    }

    @Test
    void noLibraryOrNoSuchSectionIsNothing() throws Exception {
        assertThat(CudaCode.inFolder(folder)).isEmpty();
        write(".text", new byte[64]);
        assertThat(CudaCode.inFolder(folder)).isEmpty();
    }

    @Test
    void whatIsLaidOutInAnotherWayIsSaid() throws Exception {
        Path library = folder.resolve("libtorch_cuda.so");
        Files.writeString(library, "no library, but long enough to hold what an ELF header would have");
        assertThatThrownBy(() -> CudaCode.inFolder(folder)).hasMessage("not a 64-bit ELF file");

        write(".nv_fatbin", container(new Entry(2, 123456, 8)));
        assertThatThrownBy(() -> CudaCode.inFolder(folder)).hasMessage("code for CUDA of an unknown layout");

        Files.write(library, Arrays.copyOf(Files.readAllBytes(library), 70));
        assertThatThrownBy(() -> CudaCode.inFolder(folder))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("libtorch_cuda.so ends too early");
    }

    private static byte[] container(Entry... entries) {
        int size = 0;
        for (Entry entry : entries) {
            size += 64 + entry.bytes();
        }
        ByteBuffer out = ByteBuffer.allocate(16 + size).order(ByteOrder.LITTLE_ENDIAN);
        out.putInt(0xBA55ED50).putShort((short) 1).putShort((short) 16).putLong(size);
        for (Entry entry : entries) {
            int start = out.position();
            out.putShort((short) entry.kind())
                    .putShort((short) 0x101)
                    .putInt(64)
                    .putLong(entry.bytes());
            out.putInt(start + 28, entry.architecture());
            out.position(start + 64 + entry.bytes());
        }
        return out.array();
    }

    /** A library of three sections: none, the code, and the names. */
    private void write(String name, byte[]... code) throws IOException {
        int size = 0;
        for (byte[] one : code) {
            size += one.length;
        }
        byte[] names = ("\0" + name + "\0.shstrtab\0").getBytes(StandardCharsets.US_ASCII);
        int table = 64 + size + names.length;
        ByteBuffer out = ByteBuffer.allocate(table + 3 * 64).order(ByteOrder.LITTLE_ENDIAN);
        out.putInt(0x464C457F).put((byte) 2).put((byte) 1);
        out.putLong(40, table).putShort(58, (short) 64).putShort(60, (short) 3).putShort(62, (short) 2);
        out.position(64);
        for (byte[] one : code) {
            out.put(one);
        }
        out.put(names);
        header(out, table + 64, 1, 64, size);
        header(out, table + 128, 1 + name.length() + 1, 64L + size, names.length);
        Files.write(folder.resolve("libtorch_cuda.so"), out.array());
    }

    private static void header(ByteBuffer out, int at, int name, long start, long size) {
        out.putInt(at, name).putLong(at + 24, start).putLong(at + 32, size);
    }
}
