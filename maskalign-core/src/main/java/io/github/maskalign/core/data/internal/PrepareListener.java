package io.github.maskalign.core.data.internal;

/** Told how preparing goes on, on the thread that prepares. */
@FunctionalInterface
public interface PrepareListener {
    /**
     * Called after each batch.
     *
     * @param done pictures of this process that are behind us, those of earlier runs included
     * @param computed pictures that this call has encoded
     * @param total pictures of this process
     */
    void onProgress(int done, int computed, int total);
}
