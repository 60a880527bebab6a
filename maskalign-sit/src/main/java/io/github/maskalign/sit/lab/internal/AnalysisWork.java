package io.github.maskalign.sit.lab.internal;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.maskalign.core.analysis.PositionScores;
import io.github.maskalign.core.analysis.StabilityGap;
import io.github.maskalign.core.config.ConfigBinder;
import io.github.maskalign.core.config.ConfigWriter;
import io.github.maskalign.core.files.internal.RunLock;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTConfig.AlignConfig.ProjectorKind;
import io.github.maskalign.sit.lab.Analysis.Part;
import io.github.maskalign.sit.lab.internal.AnalysedWeights.Loaded;
import io.github.maskalign.sit.lab.internal.ModelPass.Found;
import io.github.maskalign.sit.lab.internal.ModelPass.Scores;
import io.github.maskalign.sit.run.Progress;
import io.github.maskalign.sit.run.RunConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The work of an analysis.
 *
 * @param sources runs and files
 * @param checkpoints which weights of run folders
 * @param like whose data and encoder are used; null for those of the first run
 * @param settings what is asked
 */
public record AnalysisWork(
        List<Path> sources, String checkpoints, @Nullable Path like, AnalysisSettings settings) {
    private static final int FORMAT = 1;
    /** All tokens are looked at, pictures are as they are, and each position is read once. */
    private static final List<String> PLAIN = List.of("subset.placement=NONE", "data.flip=false", "data.readAhead=0");

    private static final Set<Part> OF_ALIGNMENT = EnumSet.of(Part.GRADIENTS, Part.STABILITY, Part.CONFLICT);

    /** A map of one checkpoint and t, to be compared with others. */
    private record Mapped(int checkpoint, double t, boolean masked, PositionScores scores) {}

    /** What grows while checkpoints are measured. */
    private record Results(
            Set<String> notes, JsonArray checkpoints, List<Mapped> maps, Map<String, double[][]> untrained) {}

    /** Measures and writes; see {@link io.github.maskalign.sit.lab.Analysis#write}. */
    public Path write(Path folder, Path cache, Device device, Progress.Display display) throws IOException {
        List<AnalysedWeights> all = new ArrayList<>();
        for (Path source : sources) {
            all.addAll(AnalysedWeights.of(source, checkpoints));
        }
        Path config = configFile();
        RunConfig base = bind(config);
        requireSameData(base, config, all);
        Results results = new Results(new LinkedHashSet<>(), new JsonArray(), new ArrayList<>(), new HashMap<>());
        try (NDManager manager = NDManager.newBaseManager(device)) {
            AnalysisPictures pictures =
                    AnalysisPictures.open(base, settings, settings.has(Part.GRADIENTS), cache, manager, display);
            results.notes.addAll(pictures.notes());
            AnalysisSettings possible = possible(results, pictures);
            TapFindings taps = new TapFindings(pictures, possible);
            if (possible.has(Part.PROBE) && !taps.hasClasses()) {
                results.notes.add("the probe is left out, as all pictures have one class");
            }
            try (RunLock lock = RunLock.acquire(folder); // told now, not after an hour's work
                    Progress progress = display.open(new Progress.Plan(
                            "analyze", 0, (long) all.size() * settings.times().size(), pictures.size(), 1))) {
                for (AnalysedWeights weights : all) {
                    measure(weights, base, pictures, possible, taps, results, progress);
                }
                JsonObject out = new JsonObject();
                out.addProperty("format", FORMAT);
                out.add("asked", asked());
                out.add("data", data(base, config, pictures));
                out.add("notes", AnalysisJson.texts(results.notes));
                out.add("encoder", taps.ofEncoder());
                out.add("checkpoints", results.checkpoints);
                out.add("relations", relations(results.maps));
                return new AnalysisFiles(out).write(folder);
            }
        }
    }

    /** The config whose data and encoder are used. */
    private Path configFile() {
        if (like != null) {
            return Files.isDirectory(like) ? like.resolve("config.yaml") : like;
        }
        for (Path source : sources) {
            Path folder =
                    Files.isDirectory(source) ? source : source.toAbsolutePath().resolveSibling("");
            for (Path at = folder; at != null; at = at.getParent()) {
                if (Files.exists(at.resolve("config.yaml"))) {
                    return at.resolve("config.yaml");
                }
                if (!String.valueOf(at.getFileName()).matches("state-.*|checkpoints")) {
                    break;
                }
            }
        }
        throw new IllegalArgumentException(sources.get(0)
                + " belongs to no run, so --like must name a run or a config whose data and encoder are used");
    }

    private static RunConfig bind(Path config) {
        return ConfigBinder.bind(config, PLAIN, RunConfig.class).value();
    }

    private static Map<String, String> dataOf(RunConfig config) {
        Map<String, String> out = new TreeMap<>(ConfigWriter.settings(config));
        out.keySet()
                .removeIf(key -> !key.startsWith("data.")
                        || Set.of("data.cache", "data.readAhead", "data.flip", "data.vae", "data.pixels")
                                .contains(key));
        return out;
    }

    /** Runs are compared on the same pictures, so they must have been trained on such. */
    private void requireSameData(RunConfig base, Path config, List<AnalysedWeights> all) {
        Map<String, String> expected = dataOf(base);
        for (AnalysedWeights weights : all) {
            weights.run()
                    .ifPresent(run -> dataOf(run).forEach((key, value) -> {
                        if (!value.equals(expected.get(key))) {
                            throw new IllegalArgumentException("all runs of an analysis must have the data of " + config
                                    + ", where " + key + " is " + expected.get(key) + ", but that of " + weights.name()
                                    + " is " + value + "; analyse them one by one");
                        }
                    }));
        }
    }

    /** What the data allow. */
    private AnalysisSettings possible(Results results, AnalysisPictures pictures) {
        Set<Part> parts = EnumSet.copyOf(settings.parts());
        if (!pictures.hasTokens() && (parts.removeAll(OF_ALIGNMENT) | parts.remove(Part.SIMILARITY))) {
            results.notes.add(
                    "without an encoder there are no gradients, stability, similarity and conflict: name a run or"
                            + " config that has one with --like");
        }
        if (parts.contains(Part.SPATIAL) && !PatchTokens.measurable(pictures.grid())) {
            parts.remove(Part.SPATIAL);
            results.notes.add("spatial is left out, as a grid of " + pictures.grid() + " x " + pictures.grid()
                    + " tokens is too small for iREPA's distances");
        }
        return with(parts, results);
    }

    private AnalysisSettings with(Set<Part> parts, Results results) {
        if (parts.isEmpty()) {
            throw new IllegalArgumentException(
                    "nothing of " + names() + " can be measured: " + String.join("; ", results.notes));
        }
        return new AnalysisSettings(
                parts,
                settings.pictures(),
                settings.times(),
                settings.masks(),
                settings.seed(),
                settings.batch(),
                settings.draws());
    }

    private List<String> names() {
        return settings.parts().stream()
                .map(part -> part.name().toLowerCase(Locale.ROOT))
                .toList();
    }

    private void measure(
            AnalysedWeights weights,
            RunConfig base,
            AnalysisPictures pictures,
            AnalysisSettings possible,
            TapFindings taps,
            Results results,
            Progress progress)
            throws IOException {
        try (NDManager owner = pictures.batches().get(0).latents().getManager().newSubManager()) {
            Loaded loaded = weights.load(owner, base);
            requireFits(weights, loaded.trained(), base, pictures);
            loaded.notes().forEach(note -> results.notes.add(weights.name() + ": " + note));
            AnalysisSettings own = ofModel(weights, loaded.trained(), possible, results);
            ModelPass pass = new ModelPass(loaded, pictures, own, owner);
            GradientConflict conflict = new GradientConflict(loaded, pictures, pass, own.resampling());
            int number = results.checkpoints.size();
            JsonArray times = new JsonArray();
            for (double t : settings.times()) {
                Found found = pass.at(t);
                JsonObject at = new JsonObject();
                at.addProperty("t", t);
                at.addProperty(
                        "velocityLoss",
                        Arrays.stream(found.velocityLoss()).average().orElseThrow());
                Scores scores = found.scores();
                if (scores != null) {
                    boolean tokenwise = loaded.trained().align().projector() == ProjectorKind.MLP;
                    double[][] untrained = untrained(loaded, pictures, own, t, owner, results);
                    GradientFindings gradients =
                            new GradientFindings(scores, pictures.grid(), own.resampling(), tokenwise, untrained);
                    at.add("gradients", gradients.json());
                    results.maps.add(new Mapped(number, t, false, gradients.full()));
                    gradients.masked().ifPresent(map -> results.maps.add(new Mapped(number, t, true, map)));
                }
                StabilityGap.Cosines cosines = found.cosines();
                if (cosines != null) {
                    at.add("stability", stability(cosines, loaded, own));
                }
                at.add("taps", taps.of(found));
                if (own.has(Part.CONFLICT)) {
                    at.add("conflict", conflict.at(t));
                }
                times.add(at);
                progress.step((long) number * settings.times().size() + times.size(), Double.NaN);
            }
            JsonObject out = describe(weights, loaded);
            out.add("times", times);
            results.checkpoints.add(out);
        }
    }

    /** Computed once for all checkpoints of a model. */
    private static double[][] untrained(
            Loaded loaded,
            AnalysisPictures pictures,
            AnalysisSettings settings,
            double t,
            NDManager owner,
            Results results) {
        return results.untrained.computeIfAbsent(loaded.model().config() + " " + loaded.path() + " " + t, key -> {
            try (NDManager scratch = owner.newSubManager()) {
                Loaded fresh = AnalysedWeights.untrained(loaded, settings.seed(), scratch);
                return new ModelPass(fresh, pictures, settings, scratch).lengths(t);
            }
        });
    }

    private static void requireFits(
            AnalysedWeights weights, SiTConfig model, RunConfig base, AnalysisPictures pictures) {
        if (model.featureChannels() > 0) {
            throw new IllegalArgumentException(
                    weights.name() + " generates features beside the latent, terms.features, and"
                            + " analyze knows models of latents alone");
        }
        int[][] pairs = {
            {model.model().inputSize(), base.model().inputSize()},
            {model.model().inChannels(), base.model().inChannels()},
            {model.model().numClasses(), base.model().numClasses()}
        };
        String[] keys = {"inputSize", "inChannels", "numClasses"};
        for (int i = 0; i < keys.length; i++) {
            if (pairs[i][0] != pairs[i][1]) {
                throw new IllegalArgumentException(weights.name() + " has model." + keys[i] + " " + pairs[i][0]
                        + " but the data are for " + pairs[i][1]);
            }
        }
        if (model.grid() != pictures.grid()) {
            throw new IllegalArgumentException(weights.name() + " has " + model.grid() + " x " + model.grid()
                    + " tokens but the encoder is asked for " + pictures.grid() + " x " + pictures.grid());
        }
        if (model.hasClassToken() && !pictures.hasTokens()) {
            throw new IllegalArgumentException(
                    weights.name() + " has a class token, which an encoder must give, but the data have none");
        }
        int width = base.encoder().width();
        boolean fits = model.encoderWidths().stream().allMatch(z -> z == width)
                && (model.classTokenWidth() == 0 || model.classTokenWidth() == width);
        if (pictures.hasTokens() && !fits) {
            throw new IllegalArgumentException(weights.name() + " aligns with tokens of widths "
                    + model.encoderWidths() + " and has a class token of width " + model.classTokenWidth()
                    + " but the encoder's have width " + width);
        }
    }

    /** What a model allows. */
    private AnalysisSettings ofModel(
            AnalysedWeights weights, SiTConfig model, AnalysisSettings possible, Results results) {
        Set<Part> parts = EnumSet.copyOf(possible.parts());
        if (!model.align().enabled() && parts.removeAll(OF_ALIGNMENT)) {
            results.notes.add(weights.name()
                    + " has no projectors, so gradients, stability and conflict of an alignment are not measured");
        }
        if (model.align().enabled() && !AnalysedWeights.canDrop(model)) {
            results.notes.add(weights.name()
                    + " has a convolution for a projector, which needs the whole grid, so there is no masked forward; and a"
                    + " token's gradient depends on its neighbours, so it is no product of its own factors");
            parts.remove(Part.STABILITY);
        }
        if (model.encoderWidths().size() > 1) {
            results.notes.add(weights.name() + " aligns with several encoders, of which the first is looked at");
        }
        return with(parts, results);
    }

    private JsonObject describe(AnalysedWeights weights, Loaded loaded) throws IOException {
        SiTConfig config = loaded.trained();
        SiTConfig dropping = loaded.model().config();
        JsonObject out = new JsonObject();
        out.addProperty("name", weights.name());
        if (weights.step() >= 0) {
            out.addProperty("step", weights.step());
        }
        out.addProperty("weights", String.valueOf(weights.file().getFileName()));
        out.addProperty("sha256", weights.sha256());
        out.addProperty("path", loaded.path().name());
        out.addProperty("depth", config.model().depth());
        out.addProperty("classToken", config.hasClassToken());
        out.addProperty("placement", config.subset().placement().name());
        if (config.align().enabled()) {
            out.addProperty("tap", config.align().depth());
            if (AnalysedWeights.canDrop(config)) {
                out.addProperty("maskRatio", dropping.subset().dropping().ratio());
                out.addProperty("kept", ModelPass.kept(dropping));
            }
        }
        return out;
    }

    private static JsonObject stability(StabilityGap.Cosines cosines, Loaded loaded, AnalysisSettings settings) {
        SiTConfig config = loaded.model().config();
        StabilityGap gap = StabilityGap.of(cosines, config.tokens(), ModelPass.kept(config), settings.resampling());
        JsonObject out = new JsonObject();
        out.add("total", AnalysisJson.of(gap.total()));
        out.add("artefact", AnalysisJson.of(gap.artefact()));
        out.add("corrected", AnalysisJson.of(gap.corrected()));
        out.add("patchPart", AnalysisJson.of(gap.patchPart()));
        gap.classPart().ifPresent(part -> out.add("classPart", AnalysisJson.of(part)));
        out.add("pictureVariance", AnalysisJson.of(gap.pictureVariance()));
        out.add("maskVariance", AnalysisJson.of(gap.maskVariance()));
        return out;
    }

    /** Maps of the same checkpoint at other t, and of other checkpoints at the same t, all tokens seen or all masked. */
    private JsonArray relations(List<Mapped> maps) {
        JsonArray out = new JsonArray();
        for (int i = 0; i < maps.size(); i++) {
            for (int j = i + 1; j < maps.size(); j++) {
                Mapped a = maps.get(i);
                Mapped b = maps.get(j);
                if (a.masked != b.masked || a.checkpoint != b.checkpoint && a.t != b.t) {
                    continue;
                }
                JsonObject one = new JsonObject();
                one.add("of", place(a));
                one.add("and", place(b));
                GradientFindings.json(a.scores.relation(b.scores, true, true, settings.resampling()))
                        .entrySet()
                        .forEach(entry -> one.add(entry.getKey(), entry.getValue()));
                out.add(one);
            }
        }
        return out;
    }

    private static JsonObject place(Mapped map) {
        JsonObject out = new JsonObject();
        out.addProperty("checkpoint", map.checkpoint);
        out.addProperty("t", map.t);
        out.addProperty("masked", map.masked);
        return out;
    }

    private JsonObject asked() {
        JsonObject out = new JsonObject();
        out.add("what", AnalysisJson.texts(names()));
        out.addProperty("pictures", settings.pictures());
        out.add(
                "times",
                AnalysisJson.of(settings.times().stream()
                        .mapToDouble(Double::doubleValue)
                        .toArray()));
        out.addProperty("masks", settings.masks());
        out.addProperty("seed", settings.seed());
        out.addProperty("draws", settings.draws());
        out.addProperty("level", settings.resampling().level());
        return out;
    }

    private static JsonObject data(RunConfig base, Path config, AnalysisPictures pictures) {
        JsonObject out = new JsonObject();
        out.addProperty("config", config.toString());
        out.addProperty("kind", base.data().kind().name());
        out.addProperty("identity", pictures.identity());
        out.addProperty("encoder", base.encoder().kind().name());
        out.addProperty("encoderWidth", pictures.hasTokens() ? base.encoder().width() : 0);
        out.addProperty("grid", pictures.grid());
        out.addProperty(
                "classes", (int) Arrays.stream(pictures.labels()).distinct().count());
        return out;
    }
}
