package io.github.maskalign.sit.run.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.internal.Share;
import io.github.maskalign.core.files.internal.OwnedArrays;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Puts together the rows of a table of which each rank has made its share.
 *
 * @param ranks the group
 * @param manager of the device that the group exchanges arrays of
 * @param count rows of the whole table
 */
public record RankedRows(Communicator ranks, NDManager manager, int count) {
    /** Bytes that travel at a time, at most, unless one row has more. */
    private static final int PIECE = 64 << 20;

    /** Returns the whole table; {@code mine} are the rows of this rank's share, one after the other. */
    public float[] gather(float[] mine, int width) {
        if (ranks.size() == 1) {
            return mine;
        }
        ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(mine.length, Float.BYTES))
                .order(ByteOrder.nativeOrder());
        bytes.asFloatBuffer().put(mine);
        byte[] all = gather(bytes.array(), width * Float.BYTES);
        float[] values = new float[Math.multiplyExact(count, width)];
        ByteBuffer.wrap(all).order(ByteOrder.nativeOrder()).asFloatBuffer().get(values);
        return values;
    }

    /** Returns the whole table of rows of so many bytes. */
    public byte[] gather(byte[] mine, int width) {
        if (ranks.size() == 1) {
            return mine;
        }
        byte[] all = new byte[Math.multiplyExact(count, width)];
        int piece = Math.max(1, PIECE / width);
        for (int rank = 0; rank < ranks.size(); rank++) {
            Share share = Share.of(count, ranks.size(), rank);
            for (int done = 0; done < share.count(); done += piece) {
                int rows = Math.min(piece, share.count() - done);
                byte[] part = rank == ranks.rank()
                        ? Arrays.copyOfRange(mine, done * width, (done + rows) * width)
                        : new byte[rows * width];
                try (NDManager scratch = manager.newSubManager()) {
                    NDArray travelling = OwnedArrays.of(scratch, new Shape(part.length), part);
                    ranks.broadcast(travelling, rank);
                    part = travelling.toByteArray();
                }
                System.arraycopy(part, 0, all, Math.toIntExact((share.first() + done) * width), part.length);
            }
        }
        return all;
    }
}
