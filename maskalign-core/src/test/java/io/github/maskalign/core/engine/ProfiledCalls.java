package io.github.maskalign.core.engine;

import ai.djl.pytorch.jni.JniUtils;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What a thread, and the backward passes it starts, asked of the engine, by the engine's own profiler: on any device, a real GPU
 * too. An operator that libtorch composes of others is not counted, those are; what a kernel calls inside is not counted
 * either. {@code DeviceCounts} knows more, on the pretended GPU alone.
 *
 * @param operations calls that a GPU starts a kernel for, copies between it and the host among them
 * @param casts those of them that copy an array to another type or device
 * @param reads numbers that the host asked for, of arrays of its own too
 */
public record ProfiledCalls(long operations, long casts, long reads) {
    private static final String OPERATOR = "aten::";
    private static final String CAST = "_to_copy";
    private static final String READ = "_local_scalar_dense";

    /** Made of other operators, which are reported as well. */
    private static final Set<String> COMPOSED = Set.of(
            ("_to_copy linear matmul layer_norm to contiguous reshape flatten clone conv2d _convolution item chunk"
                            + " split narrow zeros zeros_like ones ones_like full full_like stack embedding"
                            + " embedding_backward gather_backward slice_backward select_backward unbind squeeze"
                            + " scaled_dot_product_attention new_zeros")
                    .split(" "));

    /** Views, allocations and questions that no kernel answers. */
    private static final Set<String> NO_WORK =
            Set.of(("as_strided as_strided_ view _unsafe_view _reshape_alias select slice unsqueeze expand t transpose"
                            + " permute alias resize_ detach empty empty_strided empty_like new_empty set_ result_type"
                            + " resolve_conj resolve_neg scalar_tensor _fused_sdp_choice")
                    .split(" "));

    /** Begins to note the calls of this thread; costs time. */
    public static void start() {
        JniUtils.startProfile(false, false, false);
    }

    /** Ends what {@link #start} began, on the same thread. */
    public static ProfiledCalls stop() {
        try {
            Path file = Files.createTempFile("profile", ".json");
            JniUtils.stopProfile(file.toString());
            ProfiledCalls calls = read(file);
            Files.delete(file);
            return calls;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns the difference to less of the same, divided into equal parts, rounded up. */
    public ProfiledCalls since(ProfiledCalls less, int parts) {
        return new ProfiledCalls(
                part(operations - less.operations, parts),
                part(casts - less.casts, parts),
                part(reads - less.reads, parts));
    }

    private static long part(long all, int parts) {
        return (all + parts - 1) / parts;
    }

    /** A call: times in microseconds. */
    private record Call(String name, double start, double end) {}

    private static ProfiledCalls read(Path file) throws IOException {
        Map<Integer, List<Call>> threads = new HashMap<>();
        try (Reader in = Files.newBufferedReader(file)) {
            for (JsonElement element : JsonParser.parseReader(in).getAsJsonArray()) {
                JsonObject event = element.getAsJsonObject();
                String name = event.get("name").getAsString();
                if (name.startsWith(OPERATOR)) {
                    double start = event.get("ts").getAsDouble();
                    threads.computeIfAbsent(event.get("tid").getAsInt(), key -> new ArrayList<>())
                            .add(new Call(
                                    name.substring(OPERATOR.length()),
                                    start,
                                    start + event.get("dur").getAsDouble()));
                }
            }
        }
        long operations = 0;
        long casts = 0;
        long reads = 0;
        for (List<Call> calls : threads.values()) {
            calls.sort(Comparator.comparingDouble(Call::start)
                    .thenComparing(Comparator.comparingDouble(Call::end).reversed()));
            double inside = Double.NEGATIVE_INFINITY; // a kernel, to its end
            for (Call call : calls) {
                if (call.start < inside) {
                    continue;
                }
                casts += call.name.equals(CAST) ? 1 : 0;
                if (COMPOSED.contains(call.name)) {
                    continue;
                }
                inside = call.end;
                if (call.name.equals(READ)) {
                    reads++;
                } else {
                    operations += NO_WORK.contains(call.name) ? 0 : 1;
                }
            }
        }
        return new ProfiledCalls(operations, casts, reads);
    }
}
