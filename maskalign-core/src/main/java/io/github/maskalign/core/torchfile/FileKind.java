package io.github.maskalign.core.torchfile;

import io.github.maskalign.core.io.CheckpointFormatException;
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
enum FileKind {
    SAFETENSORS,
    SHARD_INDEX,
    TORCH;

    private static final int HEAD_BYTES = 512;
    private static final long LARGEST_SAFETENSORS_HEADER = 100_000_000;
    private static final String SAVE_AGAIN = "; where the file is trusted, PyTorch 1.6 or newer converts it: "
            + "python -c \"import torch; torch.save(torch.load('OLD', map_location='cpu', weights_only=True), 'NEW')\"";

    /**
     * Returns the kind of a file.
     *
     * @throws CheckpointFormatException when it is none, with what it is if that is known, and the way out
     */
    static FileKind of(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            throw new CheckpointFormatException(path, "is a folder; name a file in it");
        }
        byte[] head = head(path);
        if (starts(head, "PK\3\4") || starts(head, "PK\5\6")) {
            return TORCH;
        }
        if (path.toString().endsWith(".json") && startsWithBrace(head)) {
            return SHARD_INDEX;
        }
        if (isSafetensors(head)) {
            return SAFETENSORS;
        }
        throw new CheckpointFormatException(path, refusal(head));
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
        if (starts(head, "\u0080\u0002\u008a\nl\u00fc\u009cF\u00f9 j\u00a8P\u0019")) {
            return "is a PyTorch checkpoint of the format before 1.6 (or saved with "
                    + "_use_new_zipfile_serialization=False), which is not read here" + SAVE_AGAIN;
        }
        if (head.length > 262 && starts(Arrays.copyOfRange(head, 257, 262), "ustar")) {
            return "is a tar archive, perhaps a PyTorch checkpoint of the format before 0.1.10, which is not read here"
                    + SAVE_AGAIN;
        }
        if ((head[0] & 0xff) == 0x80) {
            return "is a bare pickle, which is not read here: weights are read from PyTorch's zip files and safetensors"
                    + SAVE_AGAIN;
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
            return "is an HDF5 file; weights are read from PyTorch's zip files and safetensors";
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
