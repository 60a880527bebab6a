package io.github.maskalign.encoders.text.internal;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.Gson;
import com.google.gson.JsonObject;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.encoders.text.ClipTextEncoder;
import io.github.maskalign.encoders.text.TextEncoder.TextTokens;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/** Encodes captions in batches; keeps what a summary shows, and writes the rest through to a file. */
public final class EncodedCaptions {
    /** More captions are not compared with each other. */
    public static final int MOST_COMPARED = 12;

    private static final int SHOWN = 20;

    private final ClipTextEncoder encoder;
    private final String hash;
    private final List<String> captions;
    private final List<Integer> counts = new ArrayList<>();
    private final List<float[]> compared = new ArrayList<>();
    private int truncated;

    private EncodedCaptions(ClipTextEncoder encoder, String hash, List<String> captions) {
        this.encoder = encoder;
        this.hash = hash;
        this.captions = List.copyOf(captions);
    }

    /**
     * Encodes captions.
     *
     * @param batch how many at a time, at least 1
     * @param out safetensors file to write, or null
     * @param precision the encoder's, which the file states
     * @param hash SHA-256 of the encoder's weights, which the file states
     * @param done told after each batch how many captions are done
     */
    public static EncodedCaptions run(
            ClipTextEncoder encoder,
            Precision precision,
            String hash,
            List<String> captions,
            int batch,
            @Nullable Path out,
            IntConsumer done)
            throws IOException {
        EncodedCaptions result = new EncodedCaptions(encoder, hash, captions);
        if (out == null) {
            result.encode(batch, tokens -> {}, done);
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
            Map<String, String> texts = new LinkedHashMap<>();
            texts.put("model", String.valueOf(encoder.file().getFileName()));
            texts.put("model_sha256", hash);
            texts.put("precision", precision.name().toLowerCase(Locale.ROOT));
            texts.put("pad_id", Integer.toString(encoder.tokenizer().padId()));
            texts.put("truncated", Integer.toString(result.truncated));
            SafetensorsWriter.write(out, StateDict.ofTensors(tensors), texts);
        }
        return result;
    }

    private interface Sink {
        void accept(TextTokens part) throws IOException;
    }

    private void encode(int batch, Sink sink, IntConsumer done) throws IOException {
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

    /** Returns what there is to say of it, for programs. */
    public JsonObject json(@Nullable Path out) {
        Gson gson = new Gson();
        JsonObject object = new JsonObject();
        object.addProperty("model", encoder.file().toString());
        object.addProperty("model_sha256", hash);
        object.addProperty("captions", captions.size());
        object.addProperty("truncated", truncated);
        object.addProperty("length", encoder.length());
        object.addProperty("width", encoder.width());
        object.addProperty("pooled_width", encoder.pooledWidth());
        object.add("token_counts", gson.toJsonTree(counts));
        if (!compared.isEmpty()) {
            object.add("cosine", gson.toJsonTree(cosines()));
        }
        if (out != null) {
            object.addProperty("out", out.toString());
        }
        return object;
    }

    /** Returns what there is to say of it, for people. */
    public String text(@Nullable Path out) {
        int count = captions.size();
        StringBuilder text = new StringBuilder();
        add(text, "model      %s%n", encoder.file());
        add(text, "captions   %,d, of which %,d were cut%n", count, truncated);
        add(text, "tokens     (%d, %d, %d)%n", count, encoder.length(), encoder.width());
        add(text, "pooled     (%d, %d)%n", count, encoder.pooledWidth());
        if (out != null) {
            add(text, "written    %s%n", out);
        }
        add(text, "%n  #  tokens  caption%n");
        for (int i = 0; i < Math.min(SHOWN, count); i++) {
            add(text, "%3d  %6d  %s%n", i, counts.get(i), printable(captions.get(i)));
        }
        if (count > SHOWN) {
            add(text, "     and %,d more%n", count - SHOWN);
        }
        double[][] cosines = cosines();
        if (cosines.length > 1) {
            add(text, "%ncosine of the pooled vectors%n");
            for (double[] row : cosines) {
                for (double value : row) {
                    add(text, " %7.4f", value);
                }
                add(text, "%n");
            }
        }
        return text.toString();
    }

    private static void add(StringBuilder text, String format, Object... values) {
        text.append(String.format(Locale.ROOT, format, values));
    }

    /** A caption on one line of a terminal, whatever is in it. */
    private static String printable(String caption) {
        String line = caption.length() <= 60 ? caption : caption.substring(0, 59) + "…";
        return line.codePoints()
                .map(c -> Character.isISOControl(c) || Character.getType(c) == Character.SURROGATE ? '?' : c)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
    }

    /**
     * Returns the cosine of the angle between each two pooled vectors, {@code a · b / (|a| |b|)}; empty for more than
     * {@link #MOST_COMPARED} captions.
     */
    double[][] cosines() {
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
