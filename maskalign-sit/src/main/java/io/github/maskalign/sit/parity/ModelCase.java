package io.github.maskalign.sit.parity;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.internal.MessageText;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.script.Autograd;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTInput;
import io.github.maskalign.sit.SiTOutput;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

/** Outputs of a model in evaluation mode, and gradients of half the sum of their mean squares. */
final class ModelCase {
    private ModelCase() {}

    static void compute(CaseFile file) throws IOException {
        String loss = file.text("loss", "half_square");
        if (!loss.equals("half_square")) {
            throw file.problem("metadata loss must be half_square but was " + MessageText.value(loss));
        }
        SiT model = file.model();
        NDManager manager = file.manager();
        try (GradMode recording = GradMode.on()) {
            SiTInput in = new SiTInput(
                    file.read("inputs/x", manager),
                    file.read("inputs/t", manager),
                    file.indices("inputs/y", manager, model.config().model().numClasses() + 1),
                    model.config().hasClassToken() ? file.read("inputs/cls", manager) : null,
                    file.family().equals("maskalign")
                            ? file.indices(
                                    "inputs/keep", manager, model.config().tokens())
                            : null,
                    null);
            SiTOutput out = model.forward(new ParameterStore(manager, false), in, false);
            Map<String, NDArray> outputs = new LinkedHashMap<>();
            outputs.put("v", out.velocity());
            for (int k = 0; k < out.projected().size(); k++) {
                outputs.put("z." + k, out.projected().get(k));
            }
            if (out.classVelocity() != null) {
                outputs.put("cls", out.classVelocity());
            }
            NDArray sum = null;
            for (Map.Entry<String, NDArray> output : outputs.entrySet()) {
                file.output(CaseFile.OUTPUTS + output.getKey(), output.getValue());
                NDArray part = output.getValue().square().mean();
                sum = sum == null ? part : sum.add(part);
            }
            if (sum != null) {
                gradients(file, model, Autograd.divide(sum, 2));
            }
        }
    }

    /** Compares the gradients of a loss that the case has. */
    static void gradients(CaseFile file, SiT model, NDArray loss) throws IOException {
        if (file.under(CaseFile.GRADS).isEmpty()) {
            return;
        }
        NDList gradients = Autograd.gradients(loss, Weights.trainable(model), file.manager());
        int i = 0;
        for (Map.Entry<String, Parameter> parameter : ParameterKeys.of(model).entrySet()) {
            if (!parameter.getValue().requiresGradient()) {
                continue;
            }
            NDArray found = gradients.get(i++);
            String name = CaseFile.GRADS + parameter.getKey();
            if (file.has(name) && !hasRoundingAlone(parameter.getKey())) {
                file.gradient(name, found);
            }
        }
    }

    /** A bias of the keys' norm adds the same to all scores of a query, so its gradient is zero but for rounding. */
    static boolean hasRoundingAlone(String key) {
        return key.endsWith("attn.k_norm.bias");
    }
}
