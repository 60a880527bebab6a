package io.github.maskalign.sit.run.internal;

import static io.github.maskalign.sit.run.internal.Markup.escape;
import static io.github.maskalign.sit.run.internal.Markup.number;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.internal.StrictJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What {@code analyze} measured of a run, as a part of its page.
 *
 * @param label name of the run
 * @param results what {@code analysis.json} holds
 * @param pictures its pictures by title
 */
public record AnalysisSection(String label, JsonObject results, Map<String, byte[]> pictures)
        implements ReportPage.Leading {
    private static final String EXPLAINED =
            "Values with 95 % intervals; below each what chance alone gives, and how often"
                    + " it gives as much. An interval may lie to one side of its value where a finite sample inflates it.";

    /** Reads the analysis of a run; empty if there is none. */
    public static Optional<AnalysisSection> read(Path run, String label) throws IOException {
        Path folder = run.resolve("analysis");
        Path file = folder.resolve("analysis.json");
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        JsonObject results = StrictJson.read(file);
        try {
            Map<String, byte[]> pictures = new LinkedHashMap<>();
            for (JsonElement picture : results.getAsJsonArray("pictures")) {
                String name = picture.getAsJsonObject().get("file").getAsString();
                if (!name.matches("maps-[0-9a-f]{12}/[A-Za-z0-9.-]+\\.png")) {
                    throw new CheckpointFormatException(
                            file, "names a picture " + name + ", which 'analyze' never wrote");
                }
                pictures.put(
                        picture.getAsJsonObject().get("title").getAsString(), Files.readAllBytes(folder.resolve(name)));
            }
            AnalysisSection section = new AnalysisSection(label, results, pictures);
            section.write(new StringBuilder()); // says now if something is missing
            return Optional.of(section);
        } catch (IllegalStateException
                | NullPointerException
                | ClassCastException
                | UnsupportedOperationException
                | NumberFormatException e) {
            throw new CheckpointFormatException(file, "is no result of 'maskalign analyze'", e);
        }
    }

    @Override
    public void write(StringBuilder page, ReportPage of) {
        write(page);
    }

    private void write(StringBuilder page) {
        page.append("<section>\n<h2>Analysis of ").append(escape(label)).append("</h2>\n<p class=\"quiet\">");
        JsonObject asked = results.getAsJsonObject("asked");
        page.append(asked.get("pictures").getAsInt())
                .append(" pictures, seed ")
                .append(asked.get("seed").getAsLong())
                .append(". ")
                .append(EXPLAINED)
                .append("</p>\n");
        for (JsonElement note : results.getAsJsonArray("notes")) {
            String text = note.getAsString();
            page.append("<p class=\"quiet\">")
                    .append(escape(text.substring(0, 1).toUpperCase(Locale.ROOT) + text.substring(1)))
                    .append(".</p>\n");
        }
        for (JsonElement element : results.getAsJsonArray("checkpoints")) {
            checkpoint(page, element.getAsJsonObject());
        }
        relations(page);
        if (!pictures.isEmpty()) {
            page.append("<div class=\"grids\">\n");
            pictures.forEach((title, png) -> page.append("<figure><img src=\"")
                    .append(Markup.dataUri(png))
                    .append("\" alt=\"")
                    .append(escape(title))
                    .append("\"/><figcaption>")
                    .append(escape(title))
                    .append("</figcaption></figure>\n"));
            page.append("</div>\n");
        }
        page.append("</section>\n");
    }

    private void checkpoint(StringBuilder page, JsonObject checkpoint) {
        page.append("<h3>").append(escape(checkpoint.get("name").getAsString())).append("</h3>\n");
        List<JsonObject> times = objects(checkpoint.getAsJsonArray("times"));
        if (times.get(0).has("gradients")) {
            Map<String, String> rows = new LinkedHashMap<>();
            rows.put("spread of positions, max / min", "gradients.full.spread");
            rows.put("uniformity Q", "gradients.full.uniformity");
            rows.put("entropy", "gradients.full.entropy");
            rows.put("total variation", "gradients.full.totalVariation");
            rows.put("Moran’s I", "gradients.full.moran");
            rows.put("Kendall’s W", "gradients.full.kendall");
            rows.put("position share η²", "gradients.full.positionShare");
            rows.put("reliability", "gradients.full.reliability");
            rows.put("masked: spread", "gradients.masked.spread");
            rows.put("masked: total variation", "gradients.masked.totalVariation");
            rows.put("ρ with the masked map", "gradients.masked.withFull.spearman");
            table(page, "Where the alignment’s gradient is longest", times, rows);
            rows.clear();
            rows.put("cosine with the target", "gradients.factors.cosine");
            rows.put("share of the angle", "gradients.factors.angle.share");
            rows.put("share of the token’s length", "gradients.factors.inverseNorm.share");
            rows.put("share of the projector’s gain", "gradients.factors.gain.share");
            rows.put("ρ with targets of other pictures", "gradients.controls.permutedTargets.withFull.spearman");
            rows.put("ρ with an untrained encoder", "gradients.controls.untrainedEncoder.withFull.spearman");
            rows.put("ρ with an untrained model", "gradients.controls.untrainedModel.withFull.spearman");
            rows.put("spread of an untrained model", "gradients.controls.untrainedModel.spread");
            rows.put("mirrored pictures: ρ with the mirrored map", "gradients.controls.mirroredPictures.mirrored");
            rows.put("mirrored pictures: ρ with the map", "gradients.controls.mirroredPictures.unmirrored");
            rows.put("ρ with the denoising loss’s gradient", "gradients.controls.denoisingGradient.withFull.spearman");
            table(page, "Factors and controls", times, rows);
        }
        if (times.get(0).has("stability")) {
            Map<String, String> rows = new LinkedHashMap<>();
            rows.put("gap, masked − full", "stability.total");
            rows.put("of that the class token’s weight alone", "stability.artefact");
            rows.put("gap without it", "stability.corrected");
            rows.put("patch tokens", "stability.patchPart");
            rows.put("class token", "stability.classPart");
            table(page, "Rise of the alignment loss under masks", times, rows);
        }
        if (times.get(0).has("conflict")) {
            Map<String, String> rows = new LinkedHashMap<>();
            JsonArray groups = times.get(0).getAsJsonArray("conflict");
            for (int i = 0; i < groups.size(); i++) {
                rows.put(groups.get(i).getAsJsonObject().get("layers").getAsString(), "conflict." + i + ".cosine");
            }
            table(page, "Cosine of the gradients of alignment and denoising", times, rows);
        }
        taps(page, times);
    }

    private static void taps(StringBuilder page, List<JsonObject> times) {
        int taps = times.get(0).getAsJsonArray("taps").size();
        Map<String, String> measures = new LinkedHashMap<>();
        measures.put("similarity.cknna", "CKNNA with the encoder");
        measures.put("similarity.ckaUnbiased", "CKA with the encoder, unbiased");
        measures.put("spatial.lds", "Local against distant similarity, LDS");
        measures.put("spatial.rmsc", "Spatial contrast, RMSC");
        measures.put("probe.accuracy", "Accuracy of a linear probe");
        measures.forEach((path, title) -> {
            Map<String, String> rows = new LinkedHashMap<>();
            for (int tap = 0; tap < taps; tap++) {
                rows.put(tap == 0 ? "behind the mixer" : "block " + tap, "taps." + tap + "." + path);
            }
            if (taps > 0 && at(times.get(0), "taps.0." + path).isPresent()) {
                table(page, title, times, rows);
            }
        });
    }

    private void relations(StringBuilder page) {
        JsonArray relations = results.getAsJsonArray("relations");
        if (relations.isEmpty()) {
            return;
        }
        page.append("<details><summary>How alike the maps of different t and checkpoints are</summary>\n")
                .append("<div class=\"wide\"><table>\n<thead><tr><td></td><th scope=\"col\">Spearman’s ρ</th>")
                .append("<th scope=\"col\">common top positions</th></tr></thead>\n<tbody>\n");
        for (JsonElement element : relations) {
            JsonObject relation = element.getAsJsonObject();
            page.append("<tr><th scope=\"row\">")
                    .append(escape(
                            place(relation.getAsJsonObject("of")) + " and " + place(relation.getAsJsonObject("and"))))
                    .append("</th>");
            cell(page, Optional.of(relation.getAsJsonObject("spearman")));
            cell(page, Optional.of(relation.getAsJsonObject("overlap")));
            page.append("</tr>\n");
        }
        page.append("</tbody></table></div>\n</details>\n");
    }

    private String place(JsonObject map) {
        String name = results.getAsJsonArray("checkpoints")
                .get(map.get("checkpoint").getAsInt())
                .getAsJsonObject()
                .get("name")
                .getAsString();
        return name + " at t " + map.get("t").getAsDouble() + (map.get("masked").getAsBoolean() ? ", masked" : "");
    }

    /** A row for each path that there is, a column for each t. */
    private static void table(StringBuilder page, String title, List<JsonObject> times, Map<String, String> rows) {
        page.append("<div class=\"wide\"><table>\n<caption>")
                .append(escape(title))
                .append("</caption>\n<thead><tr><td></td>");
        times.forEach(time -> page.append("<th scope=\"col\">t = ")
                .append(time.get("t").getAsDouble())
                .append("</th>"));
        page.append("</tr></thead>\n<tbody>\n");
        rows.forEach((name, path) -> {
            if (times.stream().anyMatch(time -> at(time, path).isPresent())) {
                page.append("<tr><th scope=\"row\">").append(escape(name)).append("</th>");
                times.forEach(time -> cell(page, at(time, path)));
                page.append("</tr>\n");
            }
        });
        page.append("</tbody></table></div>\n");
    }

    private static void cell(StringBuilder page, Optional<JsonObject> measured) {
        page.append("<td>");
        measured.ifPresentOrElse(
                of -> {
                    page.append("<b>").append(number(value(of, "value"))).append("</b>");
                    if (!Double.isNaN(value(of, "low"))) {
                        page.append(" [")
                                .append(number(value(of, "low")))
                                .append(", ")
                                .append(number(value(of, "high")))
                                .append("]");
                    }
                    if (of.has("chance")) {
                        JsonObject chance = of.getAsJsonObject("chance");
                        page.append("<br/><span class=\"quiet\">chance ")
                                .append(number(value(chance, "mean")))
                                .append(", p ")
                                .append(number(value(chance, "p")))
                                .append("</span>");
                    }
                },
                () -> page.append("–"));
        page.append("</td>");
    }

    private static double value(JsonObject of, String key) {
        JsonElement value = of.get(key);
        return value == null || value.isJsonNull() ? Double.NaN : value.getAsDouble();
    }

    /** The object at a path of names and places. */
    private static Optional<JsonObject> at(JsonObject of, String path) {
        JsonElement at = of;
        for (String part : path.split("\\.")) {
            if (at.isJsonArray()) {
                at = at.getAsJsonArray().get(Integer.parseInt(part));
            } else {
                at = at.getAsJsonObject().get(part);
            }
            if (at == null) {
                return Optional.empty();
            }
        }
        return Optional.of(at.getAsJsonObject());
    }

    private static List<JsonObject> objects(JsonArray array) {
        List<JsonObject> out = new ArrayList<>();
        array.forEach(element -> out.add(element.getAsJsonObject()));
        return out;
    }
}
