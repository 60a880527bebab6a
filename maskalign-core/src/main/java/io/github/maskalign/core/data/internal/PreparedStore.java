package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.files.AtomicFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Where prepared pictures go: part by part, and at last what makes the parts a set. */
public interface PreparedStore {
    /** Shards of safetensors with an index, see {@link io.github.maskalign.core.data.internal.ShardSet}. */
    static PreparedStore shards(Path folder) {
        return new ShardStore(folder);
    }

    /** REPA's folders of pictures and latents, see {@link RepaFolders}. */
    static PreparedStore repa(RepaFolders folders) {
        return new RepaStore(folders);
    }

    /** Returns the folder that the set is known by. */
    Path folder();

    /** Returns the folder of the records of the work. */
    Path records();

    /** Returns what the files depend on besides the numbers in them, by name. */
    Map<String, String> settings();

    /** @throws PrepareException if this store cannot hold such samples */
    void requireHolds(SampleLayout layout) throws PrepareException;

    /** Deletes what killed writers have left; nobody else may be writing. */
    default void removeLeftovers() throws IOException {
        AtomicFile.removeLeftovers(records());
    }

    /** Begins a part. */
    Part begin(int part, SampleLayout layout, Map<String, String> settings) throws IOException;

    /** Tells the bytes of a part's files; -1 if one is missing. */
    long bytes(int part, Numbers numbers) throws IOException;

    /** Returns the hash of a part's files as they are now, to be compared with {@link Content#sha256}; all exist. */
    String sha256(int part, Numbers numbers) throws IOException;

    /** Makes the parts a set; {@code parts} holds what each {@link Part#finish()} returned. */
    void finish(
            SampleLayout layout,
            Map<String, String> settings,
            PictureSet source,
            List<Content> parts,
            Set<Integer> skipped)
            throws IOException;

    /** A part that is being written. */
    interface Part {
        /** Takes the sample of the picture with this number in the source. */
        void add(int index, PreparedSample sample) throws IOException;

        /** Writes what is not written yet. */
        Content finish() throws IOException;
    }

    /**
     * What a part holds.
     *
     * @param samples number of samples
     * @param bytes size of its files
     * @param sha256 hash that covers all of them
     * @param tokenError what storing encoder tokens has changed
     */
    record Content(int samples, long bytes, String sha256, TokenError tokenError) {}

    /**
     * Which pictures of the source a part was made of.
     *
     * @param first number of the first
     * @param end number after the last
     * @param skipped those that were left out
     */
    record Numbers(int first, int end, Set<Integer> skipped) {}
}
