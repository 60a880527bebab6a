package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.data.internal.PreparedStore.PrepareException;
import io.github.maskalign.core.image.PictureFormatException;
import io.github.maskalign.core.image.PictureReader;
import io.github.maskalign.core.image.Resampler.CentreCrop;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Reads, decodes and crops pictures on several threads and hands them out in order, a bounded number ahead. */
public final class Decoder implements AutoCloseable {
    private static final int AHEAD_PER_THREAD = 8;

    private final PictureSet source;
    private final int side;
    private final int ahead;
    private final ExecutorService threads;
    private final Deque<Future<Decoded>> pending = new ArrayDeque<>();
    private int next;
    private int end;

    /** A cropped picture (3, side, side), or why there is none. */
    public sealed interface Decoded {
        /** Place in the source. */
        int index();
    }

    public record Cropped(int index, byte[] pixels) implements Decoded {}

    public record Broken(int index, String reason) implements Decoded {}

    public Decoder(PictureSet source, int side, int threads) {
        this.source = source;
        this.side = side;
        ahead = threads * AHEAD_PER_THREAD;
        this.threads = Executors.newFixedThreadPool(threads, task -> {
            Thread thread = new Thread(task, "maskalign-decode");
            thread.setDaemon(true);
            return thread;
        });
    }

    /** Begins with the pictures {@code [first, end)}; what was begun before is forgotten. */
    public void begin(int first, int last) {
        pending.forEach(task -> task.cancel(false));
        pending.clear();
        next = first;
        end = last;
    }

    public boolean hasNext() {
        return next < end || !pending.isEmpty();
    }

    public Decoded next() throws IOException {
        while (next < end && pending.size() < ahead) {
            int index = next++;
            pending.addLast(threads.submit(() -> decode(index)));
        }
        try {
            return pending.removeFirst().get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new PrepareException("interrupted while pictures were decoded", e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException failure) {
                throw failure;
            }
            throw new PrepareException("a picture could not be decoded: " + e.getCause(), e);
        }
    }

    private Decoded decode(int index) throws IOException {
        byte[] file = source.read(index);
        try {
            String name = source.picture(index).name();
            return new Cropped(
                    index, CentreCrop.adm(PictureReader.read(file, name), side).toPlanar());
        } catch (PictureFormatException e) {
            return new Broken(index, String.valueOf(e.getMessage()));
        }
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}
