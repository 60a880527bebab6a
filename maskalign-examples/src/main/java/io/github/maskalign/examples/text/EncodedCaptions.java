package io.github.maskalign.examples.text;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.encoders.text.TextEncoder;
import io.github.maskalign.encoders.text.TextEncoder.TextTokens;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/** Encodes captions in batches; keeps what a summary shows, and writes the rest through to a file. */
public final class EncodedCaptions {
    /** More captions are not compared with each other. */
    public static final int MOST_COMPARED = 12;

    private final List<String> captions;
    private final List<Integer> counts = new ArrayList<>();
    private final List<float[]> compared = new ArrayList<>();
    private int truncated;

    private EncodedCaptions(List<String> captions) {
        this.captions = List.copyOf(captions);
    }

    /**
     * Encodes captions.
     *
     * @param batch how many at a time, at least 1
     * @param out safetensors file to write, or null
     * @param metadata texts to store in the file
     * @param done told after each batch how many captions are done
     */
    public static EncodedCaptions run(
            TextEncoder encoder,
            List<String> captions,
            int batch,
            @Nullable Path out,
            Map<String, String> metadata,
            IntConsumer done)
            throws IOException {
        EncodedCaptions result = new EncodedCaptions(captions);
        if (out == null) {
            result.encode(encoder, batch, tokens -> {}, done);
            return result;
        }
        Path folder = out.toAbsolutePath().getParent();
        if (folder == null) {
            throw new IllegalArgumentException("the file to write must have a name but was " + out);
        }
        Shape tokens = new Shape(encoder.length(), encoder.width());
        Shape ids = new Shape(encoder.length());
        try (SpooledRows all = SpooledRows.in(folder, TensorType.F32, tokens);
                SpooledRows pooled = SpooledRows.in(folder, TensorType.F32, new Shape(encoder.pooledWidth()));
                SpooledRows idRows = SpooledRows.in(folder, TensorType.I64, ids);
                SpooledRows mask = SpooledRows.in(folder, TensorType.I64, ids)) {
            result.encode(
                    encoder,
                    batch,
                    part -> {
                        all.append(part.tokens());
                        pooled.append(part.pooled());
                        idRows.append(part.ids());
                        mask.append(part.mask());
                    },
                    done);
            Map<String, TensorSource> tensors = new LinkedHashMap<>();
            tensors.put("tokens", all);
            tensors.put("pooled", pooled);
            tensors.put("ids", idRows);
            tensors.put("mask", mask);
            Map<String, String> texts = new LinkedHashMap<>(metadata);
            texts.put("truncated", Integer.toString(result.truncated));
            SafetensorsWriter.write(out, StateDict.ofTensors(tensors), texts);
        }
        return result;
    }

    private interface Sink {
        void accept(TextTokens part) throws IOException;
    }

    private void encode(TextEncoder encoder, int batch, Sink sink, IntConsumer done) throws IOException {
        for (int from = 0; from < captions.size(); from += batch) {
            int to = Math.min(captions.size(), from + batch);
            try (NDManager manager = NDManager.newBaseManager();
                    TextTokens part = encoder.encode(manager, captions.subList(from, to))) {
                sink.accept(part);
                truncated += part.truncated();
                for (long count : part.mask().sum(new int[] {1}).toLongArray()) {
                    counts.add((int) count);
                }
                if (captions.size() <= MOST_COMPARED) {
                    float[] vectors = part.pooled().toFloatArray();
                    int width = encoder.pooledWidth();
                    for (int i = 0; i < to - from; i++) {
                        compared.add(Arrays.copyOfRange(vectors, i * width, (i + 1) * width));
                    }
                }
            }
            done.accept(to);
        }
    }

    /** Returns the captions. */
    public List<String> captions() {
        return captions;
    }

    /** Returns how many tokens each caption has, start and end included. */
    public List<Integer> counts() {
        return List.copyOf(counts);
    }

    /** Returns how many captions lost their end. */
    public int truncated() {
        return truncated;
    }

    /**
     * Returns the cosine of the angle between each two pooled vectors, {@code a · b / (|a| |b|)}; empty for more than
     * {@link #MOST_COMPARED} captions.
     */
    public double[][] cosines() {
        int n = compared.size();
        double[][] out = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                double norm = Math.sqrt(dot(i, i) * dot(j, j));
                out[i][j] = norm == 0 ? 0 : dot(i, j) / norm;
            }
        }
        return out;
    }

    private double dot(int i, int j) {
        float[] a = compared.get(i);
        float[] b = compared.get(j);
        double sum = 0;
        for (int k = 0; k < a.length; k++) {
            sum += (double) a[k] * b[k];
        }
        return sum;
    }
}
