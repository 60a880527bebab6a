package io.github.maskalign.core.data.internal;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Shards of which at most a number are open: the one used least recently is closed, once nobody reads from it any
 * more. Several threads may use it; each opens its shard without holding up the others.
 */
final class OpenShards implements AutoCloseable {
    private final Opening opening;
    private final int most;
    private final Map<Integer, Entry> entries = new LinkedHashMap<>(16, 0.75f, true);
    private boolean closed;

    /** Opens a shard. */
    @FunctionalInterface
    interface Opening {
        Shard open(int number) throws IOException;
    }

    /** Reads from a shard. */
    @FunctionalInterface
    interface Use {
        void of(Shard shard) throws IOException;
    }

    private static final class Entry {
        private @Nullable Shard shard;
        private int users;
        private boolean dropped;
    }

    OpenShards(Opening opening, int most) {
        this.opening = opening;
        this.most = most;
    }

    void use(int number, Use use) throws IOException {
        Entry entry = enter(number);
        try {
            use.of(opened(number, entry));
        } finally {
            leave(entry);
        }
    }

    private Entry enter(int number) throws IOException {
        Entry entry;
        Entry idle = null;
        synchronized (entries) {
            if (closed) {
                throw new IllegalStateException("samples were asked for after the prepared set was closed");
            }
            entry = entries.computeIfAbsent(number, n -> new Entry());
            entry.users++;
            if (entries.size() > most) {
                Iterator<Entry> byAge = entries.values().iterator();
                Entry oldest = byAge.next(); // not this one, which is the newest
                byAge.remove();
                oldest.dropped = true;
                idle = oldest.users == 0 ? oldest : null;
            }
        }
        close(idle);
        return entry;
    }

    private Shard opened(int number, Entry entry) throws IOException {
        synchronized (entry) {
            Shard shard = entry.shard;
            if (shard == null) {
                shard = opening.open(number);
                entry.shard = shard;
            }
            return shard;
        }
    }

    private void leave(Entry entry) throws IOException {
        boolean last;
        synchronized (entries) {
            entry.users--;
            last = entry.dropped && entry.users == 0;
        }
        close(last ? entry : null);
    }

    private static void close(@Nullable Entry entry) throws IOException {
        if (entry != null) {
            synchronized (entry) {
                if (entry.shard != null) {
                    entry.shard.close();
                }
            }
        }
    }

    /** Closes all that nobody reads from; the others close when their readers are done. */
    @Override
    public void close() throws IOException {
        List<Entry> idle = new ArrayList<>();
        synchronized (entries) {
            closed = true;
            for (Entry entry : entries.values()) {
                entry.dropped = true;
                if (entry.users == 0) {
                    idle.add(entry);
                }
            }
            entries.clear();
        }
        for (Entry entry : idle) {
            close(entry);
        }
    }
}
