package io.github.maskalign.core.files.internal;

import static io.github.maskalign.core.files.CheckpointFormatException.quote;

import io.github.maskalign.core.files.TensorType;
import org.jspecify.annotations.Nullable;

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
