package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.data.PreparedSamples;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.SafetensorsWriter.WrittenFile;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.files.internal.MessageText;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

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

    /** Opens the finished set. */
    PreparedSamples open() throws IOException;

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

    /**
     * What storing tokens as small numbers changes.
     *
     * @param squaredError Σ (x' − x)² over all numbers, x' being what is read back
     * @param squaredValues Σ x² over all numbers
     * @param worstCosine smallest cosine between a token and what is read back; 1 if there are none
     */
    record TokenError(double squaredError, double squaredValues, double worstCosine) {
        /** Nothing has been stored. */
        public static final TokenError NONE = new TokenError(0, 0, 1);

        /** Compares numbers of some tokens with what is read back. */
        static TokenError of(float[] values, float[] stored, int width) {
            TokenError sum = NONE;
            for (int from = 0; from < values.length; from += width) {
                double error = 0;
                double square = 0;
                double other = 0;
                double product = 0;
                for (int i = from; i < from + width; i++) {
                    error += Math.pow((double) stored[i] - values[i], 2);
                    square += Math.pow(values[i], 2);
                    other += Math.pow(stored[i], 2);
                    product += (double) values[i] * stored[i];
                }
                double cosine = square == 0 ? 1 : product / Math.sqrt(square * other);
                sum = sum.plus(new TokenError(error, square, cosine));
            }
            return sum;
        }

        /** Returns both together. */
        public TokenError plus(TokenError more) {
            return new TokenError(
                    squaredError + more.squaredError,
                    squaredValues + more.squaredValues,
                    Math.min(worstCosine, more.worstCosine));
        }

        /** Returns √(Σ (x' − x)² / Σ x²); 0 if there is nothing. */
        public double relative() {
            return squaredValues == 0 ? 0 : Math.sqrt(squaredError / squaredValues);
        }
    }

    /**
     * One prepared picture. The arrays are not copied and must not change afterwards.
     *
     * @param name where the picture came from, such as {@code n01440764/n01440764_10026.JPEG}
     * @param label its class, at least 0
     * @param moments mean and standard deviation of its latent, (2C, H, W) row-major
     * @param image its bytes (3, side, side), exactly if the layout has pictures
     * @param tokens its encoder tokens (1+T, Z), the class token first, exactly if the layout has tokens
     */
    record PreparedSample(String name, int label, float[] moments, byte @Nullable [] image, float @Nullable [] tokens) {

        /** @throws IllegalArgumentException if the sample is not what the layout says */
        void requireFits(SampleLayout layout) {
            if (label < 0) {
                throw new IllegalArgumentException("the label of " + name + " must be at least 0 but was " + label);
            }
            check("moments", moments.length, layout.momentValues());
            check("image", image == null ? 0 : image.length, layout.imageBytes());
            check("tokens", tokens == null ? 0 : tokens.length, layout.tokenValues());
        }

        private void check(String what, int found, int expected) {
            if (found != expected) {
                throw new IllegalArgumentException(
                        what + " of " + name + " must have " + expected + " values but has " + found);
            }
        }
    }

    /**
     * A picture that cannot be read and is left out.
     *
     * @param index its place in the source
     * @param name its name in the source
     * @param reason why
     */
    record SkippedPicture(int index, String name, String reason) {}

    /** One safetensors file for each part, and an index. */
    record ShardStore(Path folder) implements PreparedStore {
        @Override
        public PreparedSamples open() throws IOException {
            return ShardSet.open(folder);
        }

        @Override
        public Path records() {
            return folder;
        }

        @Override
        public Map<String, String> settings() {
            return Map.of();
        }

        @Override
        public void requireHolds(SampleLayout layout) throws PrepareException {
            RepaFolders other = RepaFolders.in(folder());
            if (RepaSet.isAt(other)) {
                throw new PrepareException(folder() + " holds a set in REPA's layout (" + other.latents()
                        + "), which this one would hide; choose another folder");
            }
        }

        @Override
        public Part begin(int part, SampleLayout layout, Map<String, String> settings) {
            ShardBuilder builder = new ShardBuilder(layout);
            return new Part() {
                @Override
                public void add(int index, PreparedSample sample) {
                    builder.add(sample);
                }

                @Override
                public Content finish() throws IOException {
                    WrittenFile written = builder.write(folder.resolve(ShardIndex.fileName(part)), settings);
                    return new Content(builder.size(), written.byteSize(), written.sha256(), builder.tokenError());
                }
            };
        }

        @Override
        public long bytes(int part, Numbers numbers) throws IOException {
            Path file = folder.resolve(ShardIndex.fileName(part));
            return Files.exists(file) ? Files.size(file) : -1;
        }

        @Override
        public String sha256(int part, Numbers numbers) throws IOException {
            return Digests.sha256(folder.resolve(ShardIndex.fileName(part)));
        }

        @Override
        public void finish(
                SampleLayout layout,
                Map<String, String> settings,
                PictureSet source,
                List<Content> parts,
                Set<Integer> skipped)
                throws IOException {
            List<ShardIndex.Entry> entries = parts.stream()
                    .map(part -> new ShardIndex.Entry(part.samples(), part.sha256()))
                    .toList();
            Map<String, String> measured = new TreeMap<>(settings);
            if (layout.tokens() > 0) {
                TokenError error = parts.stream().map(Content::tokenError).reduce(TokenError.NONE, TokenError::plus);
                measured.put("tokens_relative_error", String.format(Locale.ROOT, "%.3e", error.relative()));
                measured.put("tokens_worst_cosine", String.format(Locale.ROOT, "%.6f", error.worstCosine()));
            }
            new ShardIndex(layout, measured, source.classes(), entries).write(folder);
        }
    }

    /** A set cannot be prepared in this folder, or what is there is not what it says; the message says why. */
    final class PrepareException extends IOException {
        public PrepareException(String message) {
            super(MessageText.message(message));
        }

        public PrepareException(String message, Throwable cause) {
            super(MessageText.message(message), cause);
        }
    }
}
