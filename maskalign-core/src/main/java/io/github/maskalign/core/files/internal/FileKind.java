package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HexFormat;

/** Tells files of weights apart by their first bytes. */
public enum FileKind {
    SAFETENSORS,
    SHARD_INDEX,
    /** What {@code torch.save} has written since PyTorch 1.6. */
    TORCH_ZIP,
    /** What it wrote before. */
    TORCH_STREAM;

    private static final int HEAD_BYTES = 512;
    private static final long LARGEST_SAFETENSORS_HEADER = 100_000_000;
    /** The first pickle of the older format of PyTorch, behind what says its protocol: the integer 0x1950a86a20f9469cfc6c. */
    private static final String STREAM_MAGIC = "\u008a\nl\u00fc\u009cF\u00f9 j\u00a8P\u0019.";

    private static final String SAVE_AGAIN = "; where the file is trusted, Python converts it: python -c \"";

    /**
     * Returns the kind of a file.
     *
     * @throws CheckpointFormatException when it is none, with what it is if that is known, and the way out
     */
    public static FileKind of(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            throw new CheckpointFormatException(path, "is a folder; name a file in it");
        }
        byte[] head = head(path);
        if (starts(head, "PK\3\4") || starts(head, "PK\5\6")) {
            return TORCH_ZIP;
        }
        if (isStream(head)) {
            return TORCH_STREAM;
        }
        if (path.toString().endsWith(".json") && startsWithBrace(head)) {
            return SHARD_INDEX;
        }
        if (isSafetensors(head)) {
            return SAFETENSORS;
        }
        throw new CheckpointFormatException(path, refusal(head));
    }

    /** A pickle of protocol 4 has a frame of 9 bytes around the number. */
    private static boolean isStream(byte[] head) {
        return head.length > 1
                && (head[0] & 0xff) == 0x80
                && (starts(Arrays.copyOfRange(head, 2, head.length), STREAM_MAGIC)
                        || head.length > 11
                                && (head[2] & 0xff) == 0x95
                                && starts(Arrays.copyOfRange(head, 11, head.length), STREAM_MAGIC));
    }

    private static boolean isSafetensors(byte[] head) {
        if (head.length < 9) {
            return false;
        }
        long header = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN).getLong();
        char first = (char) head[8];
        return header > 0
                && header <= LARGEST_SAFETENSORS_HEADER
                && (first == '{' || first == ' ' || first == '\n' || first == '\r' || first == '\t');
    }

    private static String refusal(byte[] head) {
        if (head.length == 0) {
            return "is empty";
        }
        if (head.length > 262 && starts(Arrays.copyOfRange(head, 257, 262), "ustar")) {
            return "is a tar archive, perhaps a PyTorch checkpoint of the format before 0.1.10, which is not read here"
                    + SAVE_AGAIN
                    + "import torch; torch.save(torch.load('OLD', map_location='cpu', weights_only=False), 'NEW')\"";
        }
        if ((head[0] & 0xff) == 0x80) {
            return "is a bare pickle, which is not read here: weights are read from PyTorch's checkpoints and safetensors"
                    + SAVE_AGAIN
                    + "import pickle, torch; torch.save(pickle.load(open('OLD', 'rb')), 'NEW')\"";
        }
        if (starts(head, "\u001f\u008b")
                || starts(head, "7z\u00bc\u00af")
                || starts(head, "BZh")
                || starts(head, "\u00fd7zXZ")
                || starts(head, "\u0028\u00b5\u002f\u00fd")) {
            return "is a compressed archive; unpack it and open the file inside";
        }
        if (starts(head, "version https://git-lfs")) {
            return "is a Git LFS pointer, not the weights; git lfs pull fetches them";
        }
        if (starts(head, "<")) {
            return "is a page of HTML or XML, not weights; the download went wrong";
        }
        if (starts(head, "\u0089HDF")) {
            return "is an HDF5 file; weights are read from PyTorch's checkpoints and safetensors";
        }
        return "is neither a safetensors file nor a PyTorch checkpoint: it starts with the bytes " + hex(head);
    }

    private static String hex(byte[] head) {
        return HexFormat.ofDelimiter(" ").formatHex(head, 0, Math.min(16, head.length));
    }

    private static boolean startsWithBrace(byte[] head) {
        return new String(head, StandardCharsets.ISO_8859_1).stripLeading().startsWith("{");
    }

    private static boolean starts(byte[] head, String latin1) {
        byte[] magic = latin1.getBytes(StandardCharsets.ISO_8859_1);
        return head.length >= magic.length && Arrays.equals(head, 0, magic.length, magic, 0, magic.length);
    }

    private static byte[] head(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            ByteBuffer bytes = ByteBuffer.allocate((int) Math.min(HEAD_BYTES, channel.size()));
            while (bytes.hasRemaining() && channel.read(bytes) >= 0) {
                // until the buffer is full
            }
            return Arrays.copyOf(bytes.array(), bytes.position());
        }
    }
}
