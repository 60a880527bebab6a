package io.github.maskalign.examples.emoji;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.dataset.RandomAccessDataset;
import ai.djl.training.dataset.Record;
import ai.djl.util.Progress;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.files.OwnedArrays;
import org.jspecify.annotations.Nullable;

/**
 * An {@link EmojiSet} for DJL's own {@code Trainer}: data (N, 3, S, S), float32 in [−1, 1], labels (N), int64.
 *
 * <pre>
 * EmojiDataset data = EmojiDataset.builder().setPictures(set).setSampling(32, true).build();
 * for (Batch batch : trainer.iterateDataset(data)) { … }
 * </pre>
 *
 * <p>Order and shuffling are DJL's and follow its engine's generator. The arrays own their memory.
 */
public final class EmojiDataset extends RandomAccessDataset {
    private final EmojiSet pictures;

    private EmojiDataset(Builder builder) {
        super(builder);
        pictures = builder.pictures();
    }

    /** Returns a builder; pictures and sampling must be set. */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    public Record get(NDManager manager, long index) {
        int i = Math.toIntExact(index);
        byte[] bytes = pictures.pixels(i);
        float[] values = new float[bytes.length];
        for (int k = 0; k < values.length; k++) {
            values[k] = PixelScaling.toModel(bytes[k]);
        }
        int side = pictures.config().size();
        return new Record(
                new NDList(OwnedArrays.of(manager, new Shape(3, side, side), values)),
                new NDList(OwnedArrays.of(
                        manager, new Shape(), new long[] {pictures.entry(i).label()})));
    }

    @Override
    protected long availableSize() {
        return pictures.size();
    }

    /** Does nothing: an open set is ready. */
    @Override
    public void prepare(@Nullable Progress progress) {}

    /** Builder of the data set. */
    public static final class Builder extends BaseBuilder<Builder> {
        private @Nullable EmojiSet pictures;

        private Builder() {}

        /** Sets the pictures. */
        public Builder setPictures(EmojiSet pictures) {
            this.pictures = pictures;
            return this;
        }

        /**
         * Builds the data set.
         *
         * @throws IllegalStateException if there are no pictures
         */
        public EmojiDataset build() {
            return new EmojiDataset(this);
        }

        private EmojiSet pictures() {
            if (pictures == null) {
                throw new IllegalStateException("the pictures must be set before the data set is built");
            }
            return pictures;
        }

        @Override
        protected Builder self() {
            return this;
        }
    }
}
