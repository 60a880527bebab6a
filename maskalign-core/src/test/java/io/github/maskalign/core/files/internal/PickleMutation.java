package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.fuzz.Bytes;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Mutations that keep a pickle a sequence of whole operations: one left out, repeated, exchanged, or with other numbers. */
final class PickleMutation {
    private static final String[] NAMES = {
        "os\nsystem\n",
        "builtins\neval\n",
        "collections\nOrderedDict\n",
        "collections\nCounter\n",
        "torch\nSize\n",
        "torch\nTensor\n",
        "torch\nBoolStorage\n",
        "torch\nDoubleStorage\n",
        "torch.storage\nUntypedStorage\n",
        "torch\nfloat32\n",
        "torch._utils\n_rebuild_tensor_v2\n",
        "torch._utils\n_rebuild_tensor_v3\n",
        "torch._utils\n_rebuild_parameter\n",
        "torch._tensor\n_rebuild_from_type_v2\n",
        "argparse\nNamespace\n",
        "_codecs\nencode\n"
    };
    private static final String BARE = ".()]}N0122Qablst\u0085\u0086\u0087\u0088\u0089uR\u0081\u0091\u008f\u0094de";

    private PickleMutation() {}

    static byte[] mutate(byte[] pickle, Random random) {
        List<byte[]> operations = operations(pickle);
        for (int n = 1 + random.nextInt(4); n > 0; n--) {
            int at = random.nextInt(operations.size());
            int other = random.nextInt(operations.size());
            switch (random.nextInt(8)) {
                case 0 -> operations.remove(at);
                case 1 -> operations.add(at, operations.get(other));
                case 2 -> operations.set(at, operations.get(other));
                case 3 -> operations.add(at, new byte[] {(byte) BARE.charAt(random.nextInt(BARE.length()))});
                case 4 -> operations.set(at, Bytes.mutate(operations.get(at), random));
                case 5 ->
                    operations.add(at, ("c" + NAMES[random.nextInt(NAMES.length)]).getBytes(StandardCharsets.US_ASCII));
                case 6 -> renamed(operations, at, random);
                default -> numbered(operations, at, random);
            }
            if (operations.isEmpty()) {
                operations.add(new byte[] {'N'});
            }
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        operations.forEach(out::writeBytes);
        return out.toByteArray();
    }

    /** Exchanges the next name. */
    private static void renamed(List<byte[]> operations, int from, Random random) {
        for (int i = from; i < operations.size(); i++) {
            if (startsWith(operations.get(i), 'c')) {
                operations.set(i, ("c" + NAMES[random.nextInt(NAMES.length)]).getBytes(StandardCharsets.US_ASCII));
                return;
            }
        }
    }

    /** Exchanges the next small number, which is a size, a stride, an offset or a count. */
    private static void numbered(List<byte[]> operations, int from, Random random) {
        for (int i = from; i < operations.size(); i++) {
            if (startsWith(operations.get(i), 'K')) {
                Checkpoints any = new Checkpoints();
                long[] numbers = {0, 1, 2, 3, 5, 60, -1, Integer.MAX_VALUE, 1L << 32, Long.MAX_VALUE, Long.MIN_VALUE};
                byte[] whole =
                        any.integer(numbers[random.nextInt(numbers.length)]).pickle();
                operations.set(i, Arrays.copyOfRange(whole, 2, whole.length));
                return;
            }
        }
    }

    private static boolean startsWith(byte[] operation, char code) {
        return operation.length > 0 && operation[0] == code;
    }

    /** Cuts a pickle as torch.save writes it into its operations. */
    static List<byte[]> operations(byte[] pickle) {
        List<byte[]> out = new ArrayList<>();
        for (int at = 0; at < pickle.length; ) {
            int length = length(pickle, at);
            out.add(Arrays.copyOfRange(pickle, at, at + length));
            at += length;
        }
        return out;
    }

    /** Returns where a pickle ends that begins at a place. */
    static int end(byte[] bytes, int begin) {
        int at = begin;
        while (bytes[at] != '.') {
            at += length(bytes, at);
        }
        return at + 1;
    }

    private static int length(byte[] pickle, int at) {
        return 1
                + switch (pickle[at] & 0xff) {
                    case 0x80, 'K', 'h', 'q' -> 1;
                    case 'M' -> 2;
                    case 'J', 'j', 'r' -> 4;
                    case 'G' -> 8;
                    case 0x8a, 'U', 0x8c -> 1 + (pickle[at + 1] & 0xff);
                    case 'X' -> 4 + (pickle[at + 1] & 0xff) + ((pickle[at + 2] & 0xff) << 8);
                    case 'c' -> lines(pickle, at + 1);
                    default -> 0;
                };
    }

    private static int lines(byte[] pickle, int from) {
        int at = from;
        for (int lines = 0; lines < 2; at++) {
            lines += pickle[at] == '\n' ? 1 : 0;
        }
        return at - from;
    }
}
