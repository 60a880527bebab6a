package io.github.maskalign.sit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.script.ScriptExporter;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.util.Map;

/**
 * Writes a SiT as a TorchScript archive that needs neither this library nor Java: {@code torch.jit.load} and DJL's
 * {@code Criteria} open it.
 *
 * <p>Its {@code forward(x, t, y)}, or {@code forward(x, t, y, cls)} with a class token, takes what {@link SiTInput}
 * describes, for any batch size, and returns the velocity (N, C, H, W), or the pair of it and the class token's
 * velocity (N, Z). All tokens are kept and no label is dropped, as in sampling. {@code state_dict()} has the keys of
 * our checkpoints, projectors included. The archive carries the model's configuration as text in the extra file
 * {@code sit-config.txt}.
 */
public final class SiTExport {
    private SiTExport() {}

    /**
     * Writes a model, replacing the file in one step.
     *
     * @param model an initialised model; its precision is part of the archive
     * @param file where the archive goes
     * @param extras further text files of the archive by name, such as the provenance of the weights
     * @throws IllegalStateException if the model has no weights yet
     * @throws IOException if writing fails; an old file stays as it was
     */
    public static void write(SiT model, Path file, Map<String, String> extras) throws IOException {
        if (!model.isInitialized()) {
            throw new IllegalStateException("the model has no weights yet: call initialize before exporting it");
        }
        Map<String, NDArray> weights = Weights.of(model);
        try (NDManager scratch = weights.values().iterator().next().getManager().newSubManager();
                GradMode values = GradMode.off()) {
            SiTInput example = example(model.config(), scratch);
            ScriptExporter exporter = new ScriptExporter().weights(weights);
            exporter.input("x", example.x()).input("t", example.t()).input("y", example.y());
            if (example.classToken() != null) {
                exporter.input("cls", example.classToken());
            }
            exporter.extra("sit-config.txt", model.config() + "\n");
            extras.forEach(exporter::extra);
            AtomicFile.write(
                    file, out -> exporter.export(() -> velocities(model, example), Channels.newOutputStream(out)));
        }
    }

    private static SiTInput example(SiTConfig config, NDManager manager) {
        int side = config.model().inputSize();
        return new SiTInput(
                manager.zeros(new Shape(1, config.model().inChannels(), side, side)),
                manager.zeros(new Shape(1)),
                manager.zeros(new Shape(1), DataType.INT64),
                config.hasClassToken() ? manager.zeros(new Shape(1, config.classTokenWidth())) : null,
                null,
                null);
    }

    private static NDList velocities(SiT model, SiTInput in) {
        ParameterStore store = new ParameterStore(in.x().getManager(), false);
        SiTOutput out = model.forward(store, in, false);
        return out.classVelocity() == null
                ? new NDList(out.velocity())
                : new NDList(out.velocity(), out.classVelocity());
    }
}
