package io.github.maskalign.core.files.internal;

import static io.github.maskalign.core.files.CheckpointFormatException.quote;

import io.github.maskalign.core.files.TensorType;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** What a file tells of the memory that its tensors lie in. */
sealed interface Storages permits Storages.ZipStorages, StreamCheckpoint {
    /** Returns the file that holds it. */
    FileBytes file();

    /**
     * Returns a storage that the pickle refers to.
     *
     * @param type what the pickle calls its elements, if anything
     * @param count how many the pickle says they are, not negative
     * @param elementBytes how large one is
     * @throws IllegalStateException with the reason when the file cannot hold it
     */
    StorageRecord find(String key, @Nullable TensorType type, long count, int elementBytes);

    /** Whether references have a sixth part, which says what part of a storage is meant. */
    boolean hasViews();

    /**
     * The memory of one or more tensors, as a checkpoint refers to it.
     *
     * @param key its number in the file
     * @param type the type of its elements, if it says one
     * @param begin where its bytes begin in the file; known once the whole file was looked through
     * @param byteSize how many they are
     */
    record StorageRecord(String key, @Nullable TensorType type, LongSupplier begin, long byteSize) {}

    /** The entries {@code data/KEY} of a zip. */
    record ZipStorages(TorchArchive archive) implements Storages {
        @Override
        public FileBytes file() {
            return archive.file();
        }

        @Override
        public StorageRecord find(String key, @Nullable TensorType type, long count, int elementBytes) {
            TorchArchive.Entry entry = archive.entry("data/" + key);
            if (entry == null) {
                throw new IllegalStateException("refers to the storage " + quote(key) + ", which the file lacks");
            }
            if (count > entry.size() || count * elementBytes != entry.size()) {
                throw new IllegalStateException("the storage " + quote(key) + " must have " + count + " elements of "
                        + elementBytes + " bytes but has " + entry.size() + " bytes in the file");
            }
            return new StorageRecord(key, type, entry::begin, entry.size());
        }

        @Override
        public boolean hasViews() {
            return false;
        }
    }
}
