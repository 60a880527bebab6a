package io.github.maskalign.examples.emoji;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Draws a selection with all processors and writes the pictures in order, a block at a time. */
final class EmojiDrawing {
    private static final Logger LOG = LoggerFactory.getLogger(EmojiDrawing.class);
    private static final int BLOCK = 512;
    private static final int CHUNK = 16;

    private final EmojiSelection selection;
    private final EmojiConfig config;
    private final EmojiProgress progress;
    private final List<EmojiEntry> drawn = new ArrayList<>();
    private final List<String> broken = new ArrayList<>();

    EmojiDrawing(EmojiSelection selection, EmojiConfig config, EmojiProgress progress) {
        this.selection = selection;
        this.config = config;
        this.progress = progress;
    }

    /** Returns the entries whose pictures were written, in the same order. */
    List<EmojiEntry> drawn() {
        return List.copyOf(drawn);
    }

    /** Returns what was left out, as {@code set:name}. */
    List<String> broken() {
        return List.copyOf(broken);
    }

    /** Writes the pictures of all drawings but the broken ones. */
    void writeTo(WritableByteChannel out) throws IOException {
        int total = selection.icons().size();
        ExecutorService workers =
                Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors(), EmojiDrawing::daemon);
        try {
            progress.drawn(0, total);
            for (int first = 0; first < total; first += BLOCK) {
                writeBlock(workers, first, Math.min(total, first + BLOCK), out);
            }
        } finally {
            workers.shutdownNow();
        }
    }

    private void writeBlock(ExecutorService workers, int first, int end, WritableByteChannel out) throws IOException {
        List<Future<List<byte @Nullable []>>> chunks = new ArrayList<>();
        for (int from = first; from < end; from += CHUNK) {
            List<Icon> icons = selection.icons().subList(from, Math.min(end, from + CHUNK));
            chunks.add(workers.submit(() -> draw(icons)));
        }
        int i = first;
        for (Future<List<byte @Nullable []>> chunk : chunks) {
            for (byte @Nullable [] picture : await(chunk)) {
                EmojiEntry entry = selection.entries().get(i);
                if (picture == null) {
                    broken.add(entry.set() + ":" + entry.name());
                } else {
                    drawn.add(entry);
                    write(out, picture);
                }
                i++;
            }
            progress.drawn(i, selection.icons().size());
        }
    }

    private List<byte @Nullable []> draw(List<Icon> icons) {
        SvgRasteriser rasteriser = new SvgRasteriser(config.size(), config.background());
        List<byte @Nullable []> pictures = new ArrayList<>();
        for (Icon icon : icons) {
            try {
                pictures.add(rasteriser.draw(icon));
            } catch (BrokenDrawingException e) {
                LOG.debug("Leaving out the drawing {}: {}", icon.name(), e.getMessage());
                pictures.add(null);
            }
        }
        return pictures;
    }

    private static <T> T await(Future<T> future) throws IOException {
        try {
            return future.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("Drawing the emoji was interrupted", e);
        } catch (ExecutionException | CancellationException e) {
            throw new IOException("Drawing the emoji failed", e);
        }
    }

    private static void write(WritableByteChannel out, byte[] picture) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(picture);
        while (bytes.hasRemaining()) {
            out.write(bytes);
        }
    }

    private static Thread daemon(Runnable work) {
        Thread thread = new Thread(work, "emoji-drawing");
        thread.setDaemon(true);
        return thread;
    }
}
