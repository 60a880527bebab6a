package io.github.maskalign.examples.natives;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Which graphics cards a library has machine code for, as the library itself says.
 *
 * <p>CUDA's compilers put the code into the ELF section {@code .nv_fatbin}: containers one after the other, each with one
 * entry for each architecture. The layout is not documented by NVIDIA; what is read here, magic number, sizes, kind and
 * architecture, is described by those who have read it before (ZLUDA's {@code fatbin.rs}, the decoder of gVisor).
 *
 * <p>Code for {@code sm_XY} runs on cards of compute capability X.Z with Z at least Y. PTX, a text for the driver's
 * compiler, for X.Y runs on every card from X.Y on.
 *
 * @param machine architectures with machine code, such as 80 for {@code sm_80}
 * @param ptx architectures with PTX
 */
public record CudaCode(SortedSet<Integer> machine, SortedSet<Integer> ptx) {
    private static final String SECTION = ".nv_fatbin";
    private static final int CONTAINER = 0xBA55ED50;
    private static final int CONTAINER_HEADER = 16;
    private static final int ENTRY_HEADER = 32;
    private static final int PTX = 1;
    private static final int MACHINE = 2;
    private static final int ELF_HEADER = 64;
    private static final int SECTION_HEADER = 64;

    /** Code above this is no architecture but a layout that is not understood. */
    private static final int LARGEST = 999;

    /**
     * Reads what {@code libtorch_cuda.so} of a folder says.
     *
     * @return empty if the folder has no such library, or it has no such section
     * @throws IOException if the file cannot be read or is laid out in another way
     */
    public static Optional<CudaCode> inFolder(Path natives) throws IOException {
        Path library = natives.resolve("libtorch_cuda.so");
        return Files.exists(library) ? read(library) : Optional.empty();
    }

    static Optional<CudaCode> read(Path library) throws IOException {
        try (FileChannel file = FileChannel.open(library)) {
            Optional<Section> section = section(file);
            return section.isEmpty() ? Optional.empty() : Optional.of(read(file, section.get()));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (EOFException e) {
            throw new IOException(library + " ends too early", e);
        }
    }

    private record Section(long start, long size) {}

    /** Tells whether a card can run it. */
    public boolean runsOn(int capability) {
        return machine.stream().anyMatch(one -> one / 10 == capability / 10 && one <= capability)
                || ptx.stream().anyMatch(one -> one <= capability);
    }

    /** Returns it for people, such as {@code "8.0 8.6 9.0, newer ones from 9.0 by PTX"}. */
    public String words() {
        String text = machine.stream().map(CudaCode::dotted).collect(Collectors.joining(" "));
        return ptx.isEmpty() ? text : text + ", newer ones from " + dotted(ptx.first()) + " by PTX";
    }

    /** Returns a compute capability as NVIDIA writes it: 8.6 for 86. */
    public static String dotted(int architecture) {
        return architecture / 10 + "." + architecture % 10;
    }

    private static Optional<Section> section(FileChannel file) throws IOException {
        ByteBuffer header = bytes(file, 0, ELF_HEADER);
        if (header.getInt(0) != 0x464C457F
                || header.get(4) != 2
                || header.get(5) != 1) { // \x7fELF, 64 bits, little-endian
            throw new IOException("not a 64-bit ELF file");
        }
        long table = header.getLong(40);
        int size = Short.toUnsignedInt(header.getShort(58));
        int count = Short.toUnsignedInt(header.getShort(60));
        int names = Short.toUnsignedInt(header.getShort(62));
        if (size != SECTION_HEADER || names >= count) {
            throw new IOException("an ELF file without sections");
        }
        ByteBuffer sections = bytes(file, table, size * count);
        long text = sections.getLong(names * size + 24);
        byte[] wanted = (SECTION + "\0").getBytes(StandardCharsets.US_ASCII);
        for (int i = 0; i < count; i++) {
            byte[] name = new byte[wanted.length];
            long at = text + Integer.toUnsignedLong(sections.getInt(i * size));
            if (at + name.length <= file.size()) {
                bytes(file, at, name.length).get(name);
            }
            if (Arrays.equals(name, wanted)) {
                return Optional.of(new Section(sections.getLong(i * size + 24), sections.getLong(i * size + 32)));
            }
        }
        return Optional.empty();
    }

    private static CudaCode read(FileChannel file, Section section) throws IOException {
        SortedSet<Integer> machine = new TreeSet<>(Comparator.naturalOrder());
        SortedSet<Integer> ptx = new TreeSet<>(Comparator.naturalOrder());
        long end = section.start + section.size;
        long at = section.start;
        while (at + CONTAINER_HEADER <= end) {
            ByteBuffer header = bytes(file, at, CONTAINER_HEADER);
            if (header.getInt(0) != CONTAINER) {
                at += Long.BYTES; // containers are aligned
                continue;
            }
            long entry = at + Short.toUnsignedInt(header.getShort(6));
            long next = entry + header.getLong(8);
            if (next <= entry || next > end) {
                throw new IOException("code for CUDA of an unknown layout");
            }
            while (entry + ENTRY_HEADER <= next) {
                entry = read(file, entry, next, machine, ptx);
            }
            at = next;
        }
        return new CudaCode(machine, ptx);
    }

    /** Takes in one entry, and returns where the next one begins. */
    private static long read(FileChannel file, long at, long end, SortedSet<Integer> machine, SortedSet<Integer> ptx)
            throws IOException {
        ByteBuffer header = bytes(file, at, ENTRY_HEADER);
        int kind = Short.toUnsignedInt(header.getShort(0));
        int architecture = header.getInt(28);
        long next = at + Integer.toUnsignedLong(header.getInt(4)) + header.getLong(8);
        if (next <= at || next > end || architecture < 1 || architecture > LARGEST) {
            throw new IOException("code for CUDA of an unknown layout");
        }
        if (kind == MACHINE) {
            machine.add(architecture);
        } else if (kind == PTX) {
            ptx.add(architecture);
        }
        return next;
    }

    private static ByteBuffer bytes(FileChannel file, long position, int count) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
        while (buffer.hasRemaining()) {
            if (file.read(buffer, position + buffer.position()) < 0) {
                throw new EOFException();
            }
        }
        return buffer.flip();
    }
}
