package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.TensorType;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The memory of one or more tensors, as a checkpoint refers to it.
 *
 * @param key its number in the file
 * @param type the type of its elements, if it says one
 * @param begin where its bytes begin in the file; known once the whole file was looked through
 * @param byteSize how many they are
 */
record StorageRecord(String key, @Nullable TensorType type, LongSupplier begin, long byteSize) {}
