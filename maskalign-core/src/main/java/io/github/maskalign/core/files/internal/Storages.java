package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.TensorType;
import org.jspecify.annotations.Nullable;

/** What a file tells of the memory that its tensors lie in. */
sealed interface Storages permits ZipStorages, StreamCheckpoint {
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
}
