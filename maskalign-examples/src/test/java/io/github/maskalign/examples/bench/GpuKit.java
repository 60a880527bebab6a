package io.github.maskalign.examples.bench;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.script.ScriptFunction.ScriptParameter;
import io.github.maskalign.core.script.ScriptRecording.RecordedCall;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTConfig.ModelConfig;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.internal.RunPlan;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * A folder with which a machine that has a GPU and PyTorch, but neither Java nor a network, measures our training step:
 * {@code first_run.py}, the reference model it is compared with, our script functions as TorchScript archives, and for each
 * model, method and precision a plan: the calls of one step. Weights and batches are made there.
 */
public final class GpuKit {
    /** The methods that are measured. */
    static final List<String> METHODS = List.of("maskalign", "reg");

    private static final List<String> SCRIPTS = List.of(
            "gpu/first_run.py",
            "gpu/gpu_checks.py",
            "gpu/gpu_step.py",
            "gpu/gpu_trace.py",
            "golden/sit_reference.py",
            "golden/losses_reference.py");
    private static final Gson JSON = new GsonBuilder().disableHtmlEscaping().create();
    private static final int BATCH = 2; // of the recording; plans hold for all

    private final Path root;
    private final Path out;
    private final String version;
    private final Map<String, byte[]> functions = new LinkedHashMap<>();
    private final Map<String, String> hashes = new TreeMap<>();

    private GpuKit(Path root, Path out, String version) {
        this.root = root;
        this.out = out;
        this.version = version;
    }

    /**
     * Writes the folder.
     *
     * @param root folder of this repository
     * @param out folder to write, new or empty
     * @param version what made it
     * @return bytes written
     * @throws IOException if {@code out} holds something, a file of the repository is missing, or writing fails
     */
    public static long write(Path root, Path out, String version) throws IOException {
        requireEmpty(out);
        return new GpuKit(root, out, version).write();
    }

    /** Makes the model small enough to try everything on a CPU. */
    static SiTConfig tiny(SiTConfig model) {
        return resized(model, new ModelConfig(8, 2, 4, 48, 5, 4, 4.0, 10, 0.1, false), 2, 40, 24);
    }

    private long write() throws IOException {
        AtomicFile.createFolders(out.resolve("functions"));
        AtomicFile.createFolders(out.resolve("plans"));
        for (String method : METHODS) {
            plans("tiny", tiny(model("imagenet-sit-b-2", method)), method);
            plans("B-2", model("imagenet-sit-b-2", method), method);
            plans("XL-2", model("imagenet-sit-xl-2", method), method);
        }
        for (Map.Entry<String, byte[]> function : functions.entrySet()) {
            file("functions/" + function.getKey(), function.getValue());
        }
        for (String script : SCRIPTS) {
            Path from = root.resolve("scripts").resolve(script);
            file(String.valueOf(from.getFileName()), Files.readAllBytes(from));
        }
        JsonObject kit = new JsonObject();
        kit.addProperty("version", version);
        kit.add("files", JSON.toJsonTree(hashes));
        byte[] index = bytes(kit);
        AtomicFile.write(out.resolve("kit.json"), index);
        long total = index.length;
        for (String name : hashes.keySet()) {
            total += Files.size(out.resolve(name));
        }
        return total;
    }

    private SiTConfig model(String config, String method) {
        Path file = root.resolve("configs").resolve(config + ".yaml");
        return RunPlan.model(ConfigBinder.bind(file, List.of("method=" + method), RunConfig.class)
                .value());
    }

    private void plans(String size, SiTConfig model, String method) throws IOException {
        for (Precision precision : Precision.values()) {
            String name = size + "-" + method + "-" + (precision == Precision.BFLOAT16 ? "bf16" : "float32");
            file("plans/" + name + ".json", bytes(plan(model, precision)));
        }
    }

    private JsonObject plan(SiTConfig model, Precision precision) {
        RecordedStep step = RecordedStep.of(thin(model), precision, OptimConfig.PAPER, BATCH);
        JsonObject plan = new JsonObject();
        plan.addProperty("precision", precision.name().toLowerCase(Locale.ROOT));
        plan.add("model", reference(model));
        plan.addProperty("null_label", model.nullLabel());
        plan.addProperty("beta", model.cls().beta());
        plan.addProperty("coeff", model.align().coeff());
        plan.add("optim", optim());
        plan.add("inputs", inputs(step, model));
        plan.add("weights", weights(model));
        plan.add("losses", JSON.toJsonTree(step.losses()));
        plan.add("gradients", JSON.toJsonTree(step.gradients()));
        JsonObject used = new JsonObject();
        plan.add("forward", calls(step.forward(), used));
        plan.add("update", calls(step.update(), used));
        plan.add("functions", used);
        return plan;
    }

    private JsonArray calls(List<RecordedCall> calls, JsonObject used) {
        JsonArray all = new JsonArray();
        for (RecordedCall call : calls) {
            String name = nameOf(call);
            if (!used.has(name)) {
                JsonObject function = new JsonObject();
                function.addProperty("file", "functions/" + name);
                function.addProperty("list", call.list());
                JsonArray parameters = new JsonArray();
                for (ScriptParameter parameter : call.parameters()) {
                    parameters.add(JSON.toJsonTree(List.of(parameter.name(), parameter.type())));
                }
                function.add("parameters", parameters);
                used.add(name, function);
            }
            all.add(JSON.toJsonTree(List.of(name, call.arguments(), call.results())));
        }
        return all;
    }

    /** The file name of a function's archive: equal archives have one. */
    private String nameOf(RecordedCall call) {
        String name = call.function() + ".pt";
        for (int i = 2;
                functions.containsKey(name) && !MessageDigest.isEqual(functions.get(name), call.archive());
                i++) {
            name = call.function() + "-" + i + ".pt";
        }
        functions.putIfAbsent(name, call.archive());
        return name;
    }

    /** Shapes with "N" for the batch, and the full model's widths in place of the recorded ones. */
    private static JsonArray inputs(RecordedStep step, SiTConfig model) {
        JsonArray all = new JsonArray();
        step.inputs().forEach((name, kind) -> {
            JsonArray shape = new JsonArray();
            shape.add("N");
            for (int i = 1; i < kind.shape().dimension(); i++) {
                boolean width = i == kind.shape().dimension() - 1 && name.matches("target\\d+|classNoise");
                shape.add(width ? model.classTokenWidth() : kind.shape().get(i));
            }
            JsonObject input = new JsonObject();
            input.addProperty("name", name);
            input.add("shape", shape);
            input.addProperty("type", kind.type().name().toLowerCase(Locale.ROOT));
            all.add(input);
        });
        return all;
    }

    private static JsonArray weights(SiTConfig model) {
        JsonArray all = new JsonArray();
        ParameterKeys.of(new SiT(model)).forEach((key, parameter) -> {
            JsonObject weight = new JsonObject();
            weight.addProperty("key", key);
            weight.add("shape", JSON.toJsonTree(parameter.getShape().getShape()));
            weight.addProperty("trained", parameter.requiresGradient());
            all.add(weight);
        });
        return all;
    }

    /** The model as {@code SiTConfig} of scripts/golden/sit_reference.py takes it. */
    private static JsonObject reference(SiTConfig config) {
        ModelConfig model = config.model();
        JsonObject out = new JsonObject();
        out.addProperty("input_size", model.inputSize());
        out.addProperty("patch_size", model.patchSize());
        out.addProperty("in_channels", model.inChannels());
        out.addProperty("hidden_size", model.hiddenSize());
        out.addProperty("depth", model.depth());
        out.addProperty("num_heads", model.numHeads());
        out.addProperty("mlp_ratio", model.mlpRatio());
        out.addProperty("num_classes", model.numClasses());
        out.addProperty("encoder_depth", config.align().depth());
        out.add("z_dims", JSON.toJsonTree(config.encoderWidths()));
        out.addProperty("projector_dim", config.align().projectorDim());
        out.addProperty("cls_dim", config.classTokenWidth());
        out.addProperty("mixer_layers", config.mixer().layers());
        out.addProperty("placement", config.subset().placement().name());
        return out;
    }

    private static JsonObject optim() {
        OptimConfig paper = OptimConfig.PAPER;
        JsonObject out = new JsonObject();
        out.addProperty("lr", paper.lr());
        out.addProperty("beta1", paper.adam().beta1());
        out.addProperty("beta2", paper.adam().beta2());
        out.addProperty("eps", paper.adam().eps());
        out.addProperty("clip_norm", paper.clipNorm());
        out.addProperty("ema_decay", paper.emaDecay());
        return out;
    }

    /** The same model with widths of a few numbers, whose step makes the same calls: XL/2 itself would need 12 GB. */
    static SiTConfig thin(SiTConfig model) {
        ModelConfig full = model.model();
        ModelConfig thin = new ModelConfig(
                full.inputSize(),
                full.patchSize(),
                full.inChannels(),
                4 * full.numHeads(),
                full.depth(),
                full.numHeads(),
                full.mlpRatio(),
                full.numClasses(),
                full.classDropoutProb(),
                full.qkNorm());
        return resized(model, thin, model.align().depth(), 8, 8);
    }

    private static SiTConfig resized(SiTConfig model, ModelConfig size, int alignDepth, int projectorDim, int width) {
        SiTConfig plain = new SiTConfig(
                size,
                model.align(),
                model.cls(),
                model.mixer(),
                model.subset(),
                Collections.nCopies(model.encoderWidths().size(), width),
                model.classTokenWidth() == 0 ? 0 : width,
                model.learnSigma(),
                model.terms());
        return plain.withAlignment(alignDepth, projectorDim, plain.encoderWidths());
    }

    private void file(String name, byte[] content) throws IOException {
        AtomicFile.write(out.resolve(name), content);
        try {
            hashes.put(
                    name,
                    HexFormat.of()
                            .formatHex(MessageDigest.getInstance("SHA-256").digest(content)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    private static byte[] bytes(JsonObject json) {
        return (JSON.toJson(json) + "\n").getBytes(StandardCharsets.UTF_8);
    }

    private static void requireEmpty(Path folder) throws IOException {
        if (Files.exists(folder)) {
            List<Path> there = new ArrayList<>();
            try (var files = Files.newDirectoryStream(folder)) {
                files.forEach(there::add);
            }
            if (!there.isEmpty()) {
                throw new FileAlreadyExistsException(
                        folder.toString(),
                        null,
                        "the folder must be new or empty but holds "
                                + there.get(0).getFileName());
            }
        }
    }
}
