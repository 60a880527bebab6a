package io.github.maskalign.examples;

import com.google.gson.Gson;
import io.github.maskalign.core.config.ConfigPresets.Preset;
import io.github.maskalign.core.files.internal.MessageText;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * A config for the data and the machine at hand.
 *
 * @param name of the experiment
 * @param method what is learnt
 * @param side side of the pictures in pixels, a multiple of 8
 * @param cores processors of this machine
 * @param data the pictures
 */
record ConfigDraft(String name, Preset method, int side, int cores, PictureSurvey data) {
    private static final String TEMPLATE = "new-config.yaml";
    private static final int MANY_CORES = 8;
    private static final int FEWEST_SCORED = 16;
    private static final int FEW = 1_000;
    private static final int MANY = 10_000;

    /** Sizes of a model. */
    private record Size(int width, int depth, String lr, String reason) {}

    /** The size for pictures and machine, with as many blocks as the method knows. */
    private Size size() {
        Size size = bySide();
        boolean any = method.sizes().isEmpty() || method.sizes().containsKey(size.depth);
        return any ? size : new Size(size.width, nearest(method.sizes().keySet(), size.depth), size.lr, size.reason);
    }

    /** The most blocks of these that are no more than wanted, else the fewest. */
    private static int nearest(Set<Integer> depths, int wanted) {
        return depths.stream()
                .filter(depth -> depth <= wanted)
                .max(Comparator.naturalOrder())
                .orElseGet(() -> Collections.min(depths));
    }

    private Size bySide() {
        if (side >= 128) {
            return new Size(384, 8, "5.0e-4", "wide enough for patches of " + patch() + " x " + patch() + " pixels");
        }
        return cores >= MANY_CORES && data.pictures() >= FEW
                ? new Size(
                        384,
                        12,
                        "5.0e-4",
                        "SiT-S's width, for " + data.pictures() + " pictures and " + cores + " cores")
                : new Size(
                        192,
                        6,
                        "1.0e-3",
                        data.pictures() < FEW
                                ? "small, as " + data.pictures() + " pictures teach no more"
                                : "small, for " + cores + " cores");
    }

    private int grid() {
        return side >= 128 || (cores >= MANY_CORES && side >= 64) ? 16 : 8;
    }

    private int patch() {
        return side / grid();
    }

    private int batch() {
        int most = Math.min(side >= 128 ? 16 : 64, data.pictures());
        return Integer.highestOneBit(most);
    }

    private int steps() {
        return data.pictures() < FEW ? 3_000 : data.pictures() < MANY ? 10_000 : 30_000;
    }

    private String ema() {
        return data.pictures() < FEW ? "0.995" : data.pictures() < MANY ? "0.998" : "0.9995";
    }

    /**
     * Returns the text of the config.
     *
     * @param file where it will lie, as its comments name it
     */
    String yaml(Path file) throws IOException {
        Map<String, String> values = new LinkedHashMap<>();
        values.put("title", method.paper().split(",")[0] + " on " + data.title() + " at " + side + " pixels.");
        values.put("cores", cores == 1 ? "one core" : cores + " cores");
        values.put("file", MessageText.visible(file.toString()));
        values.put("run", "runs/" + name);
        values.put("labels", data.labels());
        values.put("name", name);
        values.put("data", data.section());
        values.put("sides", data.sides(side));
        values.put("classes", Integer.toString(data.classes()));
        values.put("classNames", data.classNames());
        model(values);
        method(values);
        length(values);
        String text = template();
        for (Map.Entry<String, String> value : values.entrySet()) {
            text = text.replace("{{" + value.getKey() + "}}", value.getValue());
        }
        return text;
    }

    private void model(Map<String, String> values) {
        Size size = size();
        values.put("side", Integer.toString(side));
        values.put("grid", Integer.toString(grid()));
        values.put("tokens", Integer.toString(grid() * grid()));
        values.put("patch", Integer.toString(patch()));
        boolean finer = grid() == 8 && side >= 64;
        values.put("patchReason", finer ? "; " + side / 16 + " is finer and takes about five times as long" : "");
        values.put("width", Integer.toString(size.width));
        values.put("sizeReason", size.reason);
        values.put("depth", Integer.toString(size.depth));
        values.put("heads", "6");
        values.put("lr", size.lr);
    }

    private void method(Map<String, String> values) {
        Size size = size();
        boolean aligns = "true".equals(method.settings().get("align.enabled"));
        values.put("method", method.name());
        values.put("summary", method.summary());
        values.put(
                "align",
                aligns
                        ? String.format(Locale.ROOT, """

                                # Where hidden tokens are aligned with the encoder's, in place of the method's own depth and width.
                                align:
                                  depth: %d # half of the blocks
                                  projectorDim: %d
                                """, size.depth / 2, size.width == 192 ? 256 : 2 * size.width)
                        : "");
        values.put("sampler", "DDPM".equals(method.settings().get("diffusion.process")) ? "DDPM" : "EULER_MARUYAMA");
        values.put("encoder", "NONE".equals(method.settings().get("encoder.kind")) ? "NONE" : "EMBEDDED");
    }

    private void length(Map<String, String> values) {
        int steps = steps();
        int epochs = (int) Math.round((double) steps * batch() / data.pictures());
        values.put("steps", Integer.toString(steps));
        values.put("stepsReason", String.format(Locale.ROOT, "each picture is seen about %,d times", epochs));
        values.put("batch", Integer.toString(batch()));
        values.put(
                "batchReason",
                batch() * 2 > data.pictures()
                        ? "the largest power of 2 among " + data.pictures() + " pictures"
                        : "pictures of one step");
        values.put("ema", ema());
        values.put("emaSteps", Long.toString(Math.round(1 / (1 - Double.parseDouble(ema())))));
        values.put("saveEvery", Integer.toString(steps / 10));
        values.put("previewEvery", Integer.toString(steps / 5));
        boolean enough = data.pictures() >= FEWEST_SCORED;
        values.put("evaluateEvery", Integer.toString(enough ? steps / 2 : 0));
        values.put("evaluateReason", enough ? "" : ", as " + data.pictures() + " pictures are too few to compare with");
        values.put("evaluateSamples", "200");
        int rounds = Math.max(1, 24 / data.classes());
        values.put("previews", Integer.toString(Math.min(64, rounds * data.classes())));
        values.put("previewScale", side >= 96 ? "1" : Integer.toString(Math.max(1, 128 / side)));
    }

    private static String template() throws IOException {
        try (InputStream in = Objects.requireNonNull(ConfigDraft.class.getResourceAsStream(TEMPLATE), TEMPLATE)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** Returns a text as YAML writes it, in quotes. */
    static String quoted(String text) {
        return new Gson().toJson(text); // a JSON text is a YAML text
    }
}
