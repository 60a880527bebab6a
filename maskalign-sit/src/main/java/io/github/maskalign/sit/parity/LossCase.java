package io.github.maskalign.sit.parity;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTLoss;
import io.github.maskalign.sit.SiTLoss.SiTLossInput;
import io.github.maskalign.sit.SiTLoss.SiTLosses;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The training loss of given draws, its parts and its gradients. */
final class LossCase {
    private LossCase() {}

    static void compute(CaseFile file) throws IOException {
        SiT model = file.model();
        NDManager manager = file.manager();
        try (GradMode recording = GradMode.on()) {
            SiTLossInput in = inputs(file, model.config(), List.of(CaseFile.INPUTS), manager);
            SiTLosses losses = loss(file, model).compute(new ParameterStore(manager, false), in);
            for (Map.Entry<String, NDArray> part : named(losses).entrySet()) {
                file.scalar(CaseFile.OUTPUTS + part.getKey(), part.getValue().getFloat());
            }
            ModelCase.gradients(file, model, losses.total());
        }
    }

    /** Returns the loss that the metadata describe. */
    static SiTLoss loss(CaseFile file, SiT model) throws IOException {
        SiTConfig config = model.config();
        return new SiTLoss(
                model,
                file.choice("path", Interpolant.class),
                config.hasClassToken() ? file.number("beta") : 0,
                config.encoderWidths().isEmpty() ? 0 : file.number("lambda"));
    }

    /** Returns total and parts by the names of the cases. */
    static Map<String, NDArray> named(SiTLosses losses) {
        Map<String, NDArray> out = new LinkedHashMap<>();
        out.put("total", losses.total());
        out.put("velocity", losses.velocity());
        if (losses.alignment() != null) {
            out.put("alignment", losses.alignment());
        }
        if (losses.classVelocity() != null) {
            out.put("class_velocity", losses.classVelocity());
        }
        return out;
    }

    /**
     * Reads the draws of a loss.
     *
     * @param places prefixes of their names; each is taken from the first place that has it
     * @param owner owner of the arrays
     */
    static SiTLossInput inputs(CaseFile file, SiTConfig config, List<String> places, NDManager owner)
            throws IOException {
        List<NDArray> targets = new ArrayList<>();
        int encoders = Math.max(config.encoderWidths().size(), config.hasClassToken() ? 1 : 0);
        for (int k = 0; k < encoders; k++) {
            targets.add(file.floats(name(file, places, "targets." + k), owner));
        }
        String dropped = find(file, places, "dropped");
        return new SiTLossInput(
                file.floats(name(file, places, "clean"), owner),
                file.floats(name(file, places, "noise"), owner),
                file.floats(name(file, places, "t"), owner),
                file.indices(name(file, places, "y"), owner, config.model().numClasses() + 1),
                targets,
                config.hasClassToken() ? file.floats(name(file, places, "class_noise"), owner) : null,
                file.family().equals("maskalign")
                        ? file.indices(name(file, places, "keep"), owner, config.tokens())
                        : null,
                dropped == null ? null : file.floats(dropped, owner),
                SiTLossInput.Context.FIRST);
    }

    /** Returns the name of a tensor in the first place that has it; null if none has. */
    static @Nullable String find(CaseFile file, List<String> places, String tensor) {
        for (String place : places) {
            if (file.has(place + tensor)) {
                return place + tensor;
            }
        }
        return null;
    }

    private static String name(CaseFile file, List<String> places, String tensor) throws IOException {
        String found = find(file, places, tensor);
        if (found == null) {
            throw file.problem("there is no tensor " + places.get(0) + tensor);
        }
        return found;
    }
}
