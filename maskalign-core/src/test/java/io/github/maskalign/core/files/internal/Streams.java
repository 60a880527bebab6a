package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.internal.TensorRebuild.TorchTypes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Files of the format before PyTorch 1.6, part by part, to see what the reader makes of them. */
public final class Streams {
    private static final byte[] MAGIC =
            "\u0080\2\u008a\nl\u00fc\u009cF\u00f9 j\u00a8P\u0019.".getBytes(StandardCharsets.ISO_8859_1);
    private static final int CONTENT = 3;
    private static final int KEYS = 4;

    /** Magic number, version, machine, content, keys. */
    private final List<byte[]> pickles = new ArrayList<>();

    private final List<String> keys = new ArrayList<>();
    private final ByteArrayOutputStream storages = new ByteArrayOutputStream();

    /** The three pickles in front, as PyTorch writes them. */
    Streams() {
        pickles.add(MAGIC);
        pickles.add(pickle(new Checkpoints().integer(1001)));
        Checkpoints machine = new Checkpoints().op('}', '(');
        machine.text("protocol_version").integer(1001).text("little_endian").op(0x88);
        machine.text("type_sizes")
                .op('}', '(')
                .text("short")
                .integer(2)
                .text("int")
                .integer(4);
        pickles.add(pickle(machine.text("long").integer(4).op('u', 'u')));
    }

    /** Takes a file apart whose pickles are as torch.save writes them. */
    static Streams of(byte[] file) {
        Streams parts = new Streams();
        parts.pickles.clear();
        int at = 0;
        while (parts.pickles.size() <= KEYS) {
            int end = PickleMutation.end(file, at);
            parts.pickles.add(Arrays.copyOfRange(file, at, end));
            at = end;
        }
        parts.storages.write(file, at, file.length - at);
        return parts;
    }

    /** Writes contiguous tensors as a bare state dict. */
    public static void write(Path file, StateDict state) throws IOException {
        Streams stream = new Streams();
        Checkpoints content =
                Checkpoints.stream().name("collections", "OrderedDict").op(')', 'R', '(');
        state.tensors().forEach((name, tensor) -> {
            String key = Integer.toString(stream.keys.size());
            stream.keys.add(key);
            String type = "" + TorchTypes.storage(tensor.type());
            content.text(name)
                    .tensor(key, type, tensor.shape().size(), tensor.shape().getShape());
        });
        stream.content(pickle(content.op('u')));
        try (FileChannel out = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            out.write(ByteBuffer.wrap(stream.head()));
            for (TensorSource tensor : state.tensors().values()) {
                out.write(count(tensor.shape().size()));
                tensor.sendTo(out::write);
            }
        }
    }

    private static ByteBuffer count(long count) {
        return ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(0, count);
    }

    static byte[] pickle(Checkpoints content) {
        return content.op('.').pickle();
    }

    Streams content(byte[] pickle) {
        return with(CONTENT, pickle);
    }

    /** Exchanges a pickle, counted from 0. */
    Streams with(int index, byte[] pickle) {
        if (index == pickles.size()) {
            pickles.add(pickle);
        } else {
            pickles.set(index, pickle);
        }
        return this;
    }

    /** Adds a storage with a count that may lie. */
    Streams storage(String key, long count, byte[] data) {
        keys.add(key);
        return raw(count(count).array()).raw(data);
    }

    /** Adds bytes behind everything. */
    Streams raw(byte[] bytes) {
        storages.writeBytes(bytes);
        return this;
    }

    /** Changes one or more pickles, mostly the content. */
    byte[] mutate(Random random) {
        for (int i = 0; i < pickles.size(); i++) {
            if (random.nextInt(i == CONTENT ? 2 : 8) == 0) {
                with(i, PickleMutation.mutate(pickles.get(i), random));
            }
        }
        return bytes();
    }

    /** Returns all but the storages. */
    byte[] head() {
        if (pickles.size() == KEYS) {
            Checkpoints list = new Checkpoints().op(']', '(');
            keys.forEach(list::text);
            pickles.add(pickle(list.op('e')));
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        pickles.forEach(out::writeBytes);
        return out.toByteArray();
    }

    byte[] bytes() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(head());
        out.writeBytes(storages.toByteArray());
        return out.toByteArray();
    }
}
