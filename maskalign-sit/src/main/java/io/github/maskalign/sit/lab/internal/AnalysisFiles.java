package io.github.maskalign.sit.lab.internal;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.internal.Digests;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What an analysis writes: pictures of its maps in a folder that its numbers name, then the numbers, which name the folder. So
 * the numbers and pictures of one analysis stay together, whenever a process is killed.
 *
 * @param results the numbers
 */
record AnalysisFiles(JsonObject results) {
    /** The range of the colours in the paper's figure. */
    private static final double PAPER_HIGH = 0.8;

    private static final String MAPS = "maps-";
    private static final Pattern NUMBERS = Pattern.compile("\\[([^\\[\\]{}\"]*)\\]");
    private static final Gson GSON = new GsonBuilder()
            .setPrettyPrinting()
            .serializeNulls()
            .disableHtmlEscaping()
            .create();

    /** Returns the file of the numbers. */
    Path write(Path folder) throws IOException {
        AtomicFile.createFolders(folder);
        AtomicFile.removeLeftovers(folder);
        String name = MAPS
                + Digests.sha256(GSON.toJson(results).getBytes(StandardCharsets.UTF_8))
                        .substring(0, 12);
        Path maps = folder.resolve(name);
        AtomicFile.createFolders(maps);
        JsonArray pictures = new JsonArray();
        for (Map.Entry<String, Sheet> sheet : sheets().entrySet()) {
            AtomicFile.write(maps.resolve(sheet.getKey()), sheet.getValue().png());
            JsonObject one = new JsonObject();
            one.addProperty("file", name + "/" + sheet.getKey());
            one.addProperty("title", sheet.getValue().title());
            pictures.add(one);
        }
        results.add("pictures", pictures);
        Path file = folder.resolve("analysis.json");
        AtomicFile.write(file, text() + "\n");
        removeOthers(folder, name);
        return file;
    }

    /** The numbers, each list of them in one line. */
    private String text() {
        return NUMBERS.matcher(GSON.toJson(results))
                .replaceAll(list -> "[" + list.group(1).strip().replaceAll("\\s+", " ") + "]");
    }

    private static void removeOthers(Path folder, String current) throws IOException {
        List<Path> old;
        try (Stream<Path> files = Files.list(folder)) {
            old = files.filter(file -> String.valueOf(file.getFileName()).matches(MAPS + "[0-9a-f]{12}")
                            && !String.valueOf(file.getFileName()).equals(current))
                    .toList();
        }
        for (Path maps : old) {
            try (Stream<Path> files = Files.list(maps)) {
                for (Path file : files.toList()) {
                    Files.deleteIfExists(file);
                }
            }
            Files.deleteIfExists(maps);
        }
    }

    /** A picture of some maps. */
    private record Sheet(String title, List<HeatMap> maps, int across) {
        byte[] png() {
            return HeatMap.png(title, maps, across);
        }
    }

    /** The pictures by the names of their files. */
    private Map<String, Sheet> sheets() {
        Map<String, Sheet> sheets = new LinkedHashMap<>();
        int grid = results.getAsJsonObject("data").get("grid").getAsInt();
        int number = 0;
        for (JsonElement element : results.getAsJsonArray("checkpoints")) {
            JsonObject checkpoint = element.getAsJsonObject();
            String of = checkpoint.get("name").getAsString();
            String start = String.format(Locale.ROOT, "%02d-", number++);
            for (JsonElement time : checkpoint.getAsJsonArray("times")) {
                JsonObject at = time.getAsJsonObject();
                if (at.has("gradients")) {
                    String t = String.valueOf(at.get("t").getAsDouble());
                    JsonObject gradients = at.getAsJsonObject("gradients");
                    sheets.put(
                            start + "gradients-t" + t + ".png",
                            new Sheet(
                                    "Longest alignment gradients: " + of + ", t = " + t,
                                    preference(gradients, grid),
                                    2));
                    sheets.put(
                            start + "factors-t" + t + ".png",
                            new Sheet("Factors and controls: " + of + ", t = " + t, causes(gradients, grid), 2));
                }
            }
            similarity(checkpoint)
                    .ifPresent(maps ->
                            sheets.put(start + "similarity.png", new Sheet("Likeness to the encoder: " + of, maps, 2)));
        }
        return sheets;
    }

    private static List<HeatMap> preference(JsonObject gradients, int grid) {
        List<HeatMap> maps = new ArrayList<>();
        for (String which : List.of("full", "masked")) {
            if (gradients.has(which)) {
                double[] map = map(gradients.getAsJsonObject(which));
                String name = which.equals("full") ? "all tokens seen" : "masked forward";
                maps.add(HeatMap.fixed(name + ", range of the paper", map, grid, 0, PAPER_HIGH));
                maps.add(HeatMap.automatic(name + ", own range", map, grid));
            }
        }
        return maps;
    }

    private static List<HeatMap> causes(JsonObject gradients, int grid) {
        List<HeatMap> maps = new ArrayList<>();
        Map<String, String> names = new LinkedHashMap<>();
        names.put("angle", "largest angle to the target");
        names.put("inverseNorm", "shortest projected token");
        names.put("gain", "largest gain of the projector");
        JsonObject factors = gradients.getAsJsonObject("factors");
        names.forEach((key, name) -> maps.add(HeatMap.automatic(name, map(factors.getAsJsonObject(key)), grid)));
        names.clear();
        names.put("permutedTargets", "targets of other pictures");
        names.put("untrainedEncoder", "untrained encoder");
        names.put("mirroredPictures", "mirrored pictures");
        names.put("untrainedModel", "untrained model");
        names.put("denoisingGradient", "gradient of the denoising loss");
        JsonObject controls = gradients.getAsJsonObject("controls");
        names.forEach((key, name) -> {
            if (controls.has(key)) {
                maps.add(HeatMap.automatic(name, map(controls.getAsJsonObject(key)), grid));
            }
        });
        return maps;
    }

    private static double[] map(JsonObject of) {
        JsonArray values = of.getAsJsonArray("map");
        double[] map = new double[values.size()];
        for (int i = 0; i < map.length; i++) {
            map[i] = values.get(i).getAsDouble();
        }
        return map;
    }

    /** Layer across, t down. */
    private static Optional<List<HeatMap>> similarity(JsonObject checkpoint) {
        JsonArray times = checkpoint.getAsJsonArray("times");
        JsonArray taps = times.get(0).getAsJsonObject().getAsJsonArray("taps");
        if (taps.isEmpty() || !taps.get(0).getAsJsonObject().has("similarity")) {
            return Optional.empty();
        }
        Map<String, String> names = new LinkedHashMap<>();
        names.put("cknna", "CKNNA");
        names.put("mutualNeighbours", "shared neighbours");
        names.put("ckaUnbiased", "CKA, unbiased");
        names.put("ckaBiased", "CKA, biased");
        List<String> rows = new ArrayList<>();
        List<String> columns = new ArrayList<>();
        times.forEach(time -> rows.add("t " + time.getAsJsonObject().get("t").getAsDouble()));
        taps.forEach(tap -> columns.add(tap.getAsJsonObject().get("tap").getAsString()));
        List<HeatMap> maps = new ArrayList<>();
        names.forEach((key, name) -> {
            double[] values = new double[rows.size() * columns.size()];
            for (int i = 0; i < values.length; i++) {
                JsonElement value = times.get(i / columns.size())
                        .getAsJsonObject()
                        .getAsJsonArray("taps")
                        .get(i % columns.size())
                        .getAsJsonObject()
                        .getAsJsonObject("similarity")
                        .getAsJsonObject(key)
                        .get("value");
                values[i] = value.isJsonNull() ? Double.NaN : value.getAsDouble();
            }
            double low = Arrays.stream(values).filter(Double::isFinite).min().orElse(0);
            double high = Arrays.stream(values).filter(Double::isFinite).max().orElse(1);
            maps.add(new HeatMap(
                    name + " by block",
                    values,
                    rows,
                    columns,
                    columns.size(),
                    Math.min(0, low),
                    Math.max(high, low + 1e-9)));
        });
        return Optional.of(maps);
    }
}
