package io.github.maskalign.examples.training;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.nn.Block;
import com.google.gson.JsonObject;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.script.ScriptTrust;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.encoders.Preprocessing;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Exports a trained encoder, measures it against pixels and its own weights before training, and writes it with how it was
 * made: {@code NAME.pt}, averaged weights with the provenance inside, and {@code NAME.json}, the same with the archive's hash.
 */
public final class EncoderPublication {
    private static final Logger LOG = LoggerFactory.getLogger(EncoderPublication.class);

    private final Path folder;
    private final Names names;
    private final List<Preprocessing> ways;
    private final Exporter exporter;
    private final byte[] untrained;

    /**
     * What an encoder is called.
     *
     * @param file its files, without ending
     * @param role what it is in the table of figures
     * @param prefix what the keys of its parameters begin with in the training state
     */
    public record Names(String file, String role, String prefix) {}

    /** Writes an encoder as a TorchScript archive, as {@code Vit.export} does. */
    public interface Exporter {
        /**
         * Writes the archive.
         *
         * @param weights by key, in place of the encoder's own
         * @param extras text files of the archive, by name
         * @param out where it goes
         */
        void export(Map<String, NDArray> weights, Map<String, String> extras, OutputStream out) throws IOException;
    }

    /**
     * Keeps an encoder's weights as they are before training.
     *
     * @param folder where the files go
     * @param ways how it may want its pictures, the usual one first
     * @param encoder whose parameters are trained after this
     * @param exporter writes it
     */
    public EncoderPublication(Path folder, Names names, List<Preprocessing> ways, Block encoder, Exporter exporter)
            throws IOException {
        this.folder = folder;
        this.names = names;
        this.ways = List.copyOf(ways);
        this.exporter = exporter;
        untrained = export(Weights.of(encoder), "{}");
    }

    /** Exports the averaged weights, measures them and writes both files. */
    public void publish(TrainState state, EncoderProvenance made) throws IOException {
        Map<String, NDArray> averaged = new LinkedHashMap<>();
        state.ema().forEach((key, array) -> {
            if (key.startsWith(names.prefix)) {
                averaged.put(key.substring(names.prefix.length()), array);
            }
        });
        RetrievalEvaluation evaluation = new RetrievalEvaluation(
                made.pictures(), made.artists().heldOut(), made.artists().gallery(), Integer.MAX_VALUE);
        // measured on an archive without provenance, as the provenance holds the measures
        Map<String, Retrieval> found = new LinkedHashMap<>();
        measure(export(averaged, "{}"), evaluation, names.role, ways, found);
        measure(untrained, evaluation, "random weights", ways.subList(0, 1), found);
        found.put("pixels", evaluation.ofPixels());
        found.forEach((what, retrieval) -> LOG.info("retrieval by {}: {}", what, retrieval));
        JsonObject provenance = made.with(found);
        byte[] archive = export(averaged, EncoderProvenance.text(provenance));
        AtomicFile.write(folder.resolve(names.file + ".pt"), archive);
        AtomicFile.write(
                folder.resolve(names.file + ".json"),
                EncoderProvenance.text(EncoderProvenance.withHash(provenance, archive)));
    }

    private void measure(
            byte[] archive,
            RetrievalEvaluation evaluation,
            String what,
            List<Preprocessing> measured,
            Map<String, Retrieval> found)
            throws IOException {
        Path file = folder.resolve("measured.pt");
        AtomicFile.write(file, archive);
        ScriptTrust own = ScriptTrust.pinned(Digests.sha256(archive)); // which this process has made
        for (Preprocessing preprocessing : measured) {
            try (RepresentationEncoder opened = Encoders.open(file, preprocessing, own, Device.cpu())) {
                int tokens = opened.tokens(evaluation.side());
                evaluation
                        .of(opened)
                        .forEach((kind, retrieval) -> found.put(what + ", " + tokens + " tokens, " + kind, retrieval));
            }
        }
        Files.delete(file);
    }

    private byte[] export(Map<String, NDArray> weights, String provenance) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (GradMode off = GradMode.off()) {
            exporter.export(weights, Map.of("provenance.json", provenance), out);
        }
        return out.toByteArray();
    }
}
