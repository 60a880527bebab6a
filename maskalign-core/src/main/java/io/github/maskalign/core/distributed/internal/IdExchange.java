package io.github.maskalign.core.distributed.internal;

import io.github.maskalign.core.distributed.Communicator.CommunicationException;
import io.github.maskalign.core.distributed.Launch;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;

/**
 * Hands a few bytes from rank 0 to all others over TCP, once, where no MPI is there to do it.
 *
 * <p>NCCL needs an id that all ranks know before its own transport can start, and {@code torchrun} and {@code srun} give
 * nothing but an address. Rank 0 listens there until every other rank has come; each says which it is and gets the
 * bytes. The id is worth nothing outside the run, but whoever can reach the port during the start can read it: use
 * this inside a trusted network, as NCCL itself.
 */
final class IdExchange {
    private static final long GREETING = 0x4d61736b416c6967L; // "MaskAlig"
    private static final int PAUSE_MILLIS = 200;
    private static final int ANSWER_MILLIS = 5_000;

    private final Launch.Address master;
    private final int size;
    private final Duration patience;

    IdExchange(Launch.Address master, int size, Duration patience) {
        this.master = master;
        this.size = size;
        this.patience = patience;
    }

    /** Gives the id to every other rank; called by rank 0. */
    void give(byte[] id) {
        long end = System.nanoTime() + patience.toNanos();
        Set<Integer> served = new HashSet<>();
        try (ServerSocket server = new ServerSocket()) {
            server.setReuseAddress(true);
            server.bind(new InetSocketAddress(master.port()));
            while (served.size() < size - 1) {
                server.setSoTimeout((int) Math.max(1, Math.min(Integer.MAX_VALUE, millisUntil(end))));
                try (Socket peer = server.accept()) {
                    serve(peer, id, served);
                }
            }
        } catch (SocketTimeoutException e) {
            throw new CommunicationException("only " + (served.size() + 1) + " of " + size
                    + " ranks have reached rank 0 at port " + master.port() + " within " + patience.toSeconds() + " s");
        } catch (IOException e) {
            throw new CommunicationException(
                    "rank 0 cannot hand out NCCL's id at port " + master.port() + ": " + e.getMessage(), e);
        }
    }

    /** Fetches the id; called by every other rank. */
    byte[] take(int rank, int bytes) {
        long end = System.nanoTime() + patience.toNanos();
        IOException last;
        do {
            try (Socket socket = new Socket()) {
                socket.connect(new InetSocketAddress(master.host(), master.port()), ANSWER_MILLIS);
                socket.setSoTimeout(ANSWER_MILLIS);
                DataOutputStream out = new DataOutputStream(socket.getOutputStream());
                out.writeLong(GREETING);
                out.writeInt(size);
                out.writeInt(rank);
                out.flush();
                byte[] id = new byte[bytes];
                new DataInputStream(socket.getInputStream()).readFully(id);
                return id;
            } catch (IOException e) { // rank 0 may not listen yet
                last = e;
                pause();
            }
        } while (millisUntil(end) > 0);
        throw new CommunicationException(
                "rank " + rank + " cannot fetch NCCL's id from " + master.host() + ":" + master.port() + " within "
                        + patience.toSeconds() + " s: " + last.getMessage(),
                last);
    }

    /** Answers one caller; one that is no rank of this run gets nothing. */
    private void serve(Socket peer, byte[] id, Set<Integer> served) {
        try {
            peer.setSoTimeout(ANSWER_MILLIS);
            DataInputStream in = new DataInputStream(peer.getInputStream());
            boolean ours = in.readLong() == GREETING && in.readInt() == size;
            int rank = ours ? in.readInt() : 0;
            if (ours && rank > 0 && rank < size) {
                peer.getOutputStream().write(id);
                peer.getOutputStream().flush();
                served.add(rank);
            }
        } catch (IOException e) {
            // it may come again
        }
    }

    private static long millisUntil(long end) {
        return (end - System.nanoTime()) / 1_000_000;
    }

    private static void pause() {
        try {
            Thread.sleep(PAUSE_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommunicationException("interrupted while waiting for NCCL's id", e);
        }
    }
}
