package io.github.maskalign.sit.lab.internal;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.maskalign.core.analysis.PositionScores;
import io.github.maskalign.core.analysis.StabilityGap;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.files.internal.RunLock;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTConfig.AlignConfig.ProjectorKind;
import io.github.maskalign.sit.lab.Analysis.Part;
import io.github.maskalign.sit.lab.internal.AnalysedWeights.Loaded;
import io.github.maskalign.sit.lab.internal.AnalysisPictures.Wanted;
import io.github.maskalign.sit.lab.internal.ModelPass.Found;
import io.github.maskalign.sit.lab.internal.ModelPass.Scores;
import io.github.maskalign.sit.run.Progress;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunConfig.EncoderSection;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The work of an analysis.
 *
 * @param sources runs and files
 * @param checkpoints which weights of run folders
 * @param like whose data and encoder are used; null for those of the first run
 * @param encoders {@code all}, or the number of one encoder, from 1
 * @param settings what is asked
 */
public record AnalysisWork(
        List<Path> sources, String checkpoints, @Nullable Path like, String encoders, AnalysisSettings settings) {
    private static final int FORMAT = 1;
    private static final String ALL = "all";

    /** A map of one checkpoint and t, to be compared with others. */
    private record Mapped(int checkpoint, double t, boolean masked, PositionScores scores) {}

    /**
     * What is looked at.
     *
     * @param encoder number of the encoder, from 0
     * @param named whether entries name it, as there are several
     * @param possible what the data allow
     * @param taps what the encoder says
     */
    private record Aim(int encoder, boolean named, AnalysisSettings possible, TapFindings taps) {}

    /** What grows while checkpoints are measured. */
    private record Results(
            Set<String> notes,
            JsonArray checkpoints,
            List<Mapped> maps,
            Map<String, double[][]> untrained,
            AtomicLong steps) {}

    /** Measures and writes; see {@link io.github.maskalign.sit.lab.Analysis#write}. */
    public Path write(Path folder, Path cache, Device device, Progress.Display display) throws IOException {
        List<AnalysedWeights> all = new ArrayList<>();
        for (Path source : sources) {
            all.addAll(AnalysedWeights.of(source, checkpoints));
        }
        AnalysedData base = AnalysedData.of(sources, like, all);
        base.requireSame(all);
        List<Integer> chosen = chosen(base.config());
        Results results = new Results(
                new LinkedHashSet<>(), new JsonArray(), new ArrayList<>(), new HashMap<>(), new AtomicLong());
        try (NDManager manager = NDManager.newBaseManager(device)) {
            AnalysisPictures pictures =
                    AnalysisPictures.open(base.config(), settings, wanted(all), cache, manager, display);
            results.notes.addAll(pictures.notes());
            MeasurableParts parts = new MeasurableParts(settings, base.config(), pictures, results.notes);
            AnalysisSettings possible = parts.ofData();
            List<Aim> aims = chosen.stream()
                    .map(encoder -> new Aim(
                            encoder,
                            base.config().encoders().size() > 1,
                            possible,
                            new TapFindings(pictures, encoder, possible)))
                    .toList();
            if (possible.has(Part.PROBE) && !aims.get(0).taps.hasClasses()) {
                results.notes.add("the probe is left out, as all pictures have one class");
            }
            long steps = (long) aims.size() * all.size() * settings.times().size();
            try (RunLock lock = RunLock.acquire(folder); // told now, not after an hour's work
                    Progress progress = display.open(new Progress.Plan("analyze", 0, steps, pictures.size(), 1))) {
                for (AnalysedWeights weights : all) {
                    try (NDManager owner =
                            pictures.batches().get(0).latents().getManager().newSubManager()) {
                        Loaded loaded = weights.load(owner, base.config());
                        parts.requireFits(weights.name(), loaded.trained());
                        loaded.notes().forEach(note -> results.notes.add(weights.name() + ": " + note));
                        AnalysisPictures seen = weights.latents().isEmpty()
                                ? pictures
                                : pictures.seenBy(weights.latents().get(), weights.file(), owner);
                        for (Aim aim : aims) {
                            measure(weights, loaded, aim, parts.of(seen), results, progress);
                        }
                    }
                }
                JsonObject out = new JsonObject();
                out.addProperty("format", FORMAT);
                out.add("asked", asked());
                out.add("data", data(base, pictures));
                out.add("notes", AnalysisJson.texts(results.notes));
                out.add("encoder", aims.get(0).taps.ofEncoder());
                if (aims.size() > 1) {
                    JsonArray more = new JsonArray();
                    aims.subList(1, aims.size()).forEach(aim -> more.add(aim.taps.ofEncoder()));
                    out.add("moreEncoders", more);
                }
                out.add("checkpoints", results.checkpoints);
                out.add("relations", relations(results.maps));
                return new AnalysisFiles(out).write(folder);
            }
        }
    }

    private Wanted wanted(List<AnalysedWeights> all) {
        return new Wanted(
                settings.has(Part.GRADIENTS),
                all.stream().anyMatch(weights -> weights.latents().isEmpty()),
                all.stream()
                        .filter(weights -> weights.latents().isPresent())
                        .flatMap(weights -> weights.run().stream())
                        .findFirst());
    }

    /** The numbers of the encoders that are looked at, from 0. */
    private List<Integer> chosen(RunConfig base) {
        int all = base.encoders().size();
        if (encoders.equals(ALL)) {
            return IntStream.range(0, all).boxed().toList();
        }
        int number = encoders.matches("[0-9]{1,9}") ? Integer.parseInt(encoders) : 0;
        if (number < 1 || number > all) {
            throw new IllegalArgumentException("--encoder must be all or the number of an encoder, "
                    + (all == 1 ? "1" : "1 to " + all + " (2 is moreEncoders[0])") + ", but was " + encoders);
        }
        return List.of(number - 1);
    }

    /** Measures a model against an encoder: an entry for each projector that follows it. */
    private void measure(
            AnalysedWeights weights, Loaded loaded, Aim aim, MeasurableParts parts, Results results, Progress progress)
            throws IOException {
        List<Integer> projectors = parts.projectors(loaded.trained(), aim.encoder);
        for (int i = 0; i < Math.max(1, projectors.size()); i++) {
            int projector = projectors.isEmpty() ? -1 : projectors.get(i);
            AnalysisSettings own = parts.ofModel(weights.name(), loaded.trained(), aim.possible, projector, i > 0);
            if (!own.parts().isEmpty()) {
                List<String> suffix = new ArrayList<>();
                if (aim.named) {
                    suffix.add("encoder " + (aim.encoder + 1));
                }
                if (projectors.size() > 1) {
                    suffix.add("depth " + loaded.trained().align().depthOf(projector));
                }
                Entry entry = new Entry(aim, projector, own, String.join(", ", suffix));
                measure(weights, loaded, entry, parts.pictures(), results, i == 0 ? progress : null);
            }
        }
    }

    /** What an entry of the results is of. */
    private record Entry(Aim aim, int projector, AnalysisSettings settings, String suffix) {}

    private void measure(
            AnalysedWeights weights,
            Loaded loaded,
            Entry entry,
            AnalysisPictures pictures,
            Results results,
            @Nullable Progress progress)
            throws IOException {
        AnalysisSettings own = entry.settings;
        try (NDManager owner = pictures.batches().get(0).latents().getManager().newSubManager()) {
            ModelPass pass = new ModelPass(loaded, pictures, own, Math.max(0, entry.projector), owner);
            GradientConflict conflict = new GradientConflict(loaded, pictures, pass, own.resampling());
            int number = results.checkpoints.size();
            JsonArray times = new JsonArray();
            for (double t : settings.times()) {
                Found found = pass.at(t);
                JsonObject at = new JsonObject();
                at.addProperty("t", t);
                found.losses()
                        .forEach((name, losses) -> at.addProperty(
                                name + "Loss", Arrays.stream(losses).average().orElseThrow()));
                Scores scores = found.scores();
                if (scores != null) {
                    boolean tokenwise = loaded.trained().align().projector() == ProjectorKind.MLP;
                    double[][] untrained = untrained(loaded, pictures, entry, t, owner, results);
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
                at.add("taps", entry.aim.taps.of(found));
                if (own.has(Part.CONFLICT)) {
                    at.add("conflict", conflict.at(t));
                }
                times.add(at);
                if (progress != null) {
                    progress.step(results.steps.incrementAndGet(), Double.NaN);
                }
            }
            JsonObject out = describe(weights, loaded, entry);
            out.add("times", times);
            results.checkpoints.add(out);
        }
    }

    /** Computed once for all checkpoints of a model. */
    private static double[][] untrained(
            Loaded loaded, AnalysisPictures pictures, Entry entry, double t, NDManager owner, Results results) {
        String model = loaded.model().config() + " " + loaded.path() + " " + entry.projector + " " + pictures.latents();
        return results.untrained.computeIfAbsent(model + " " + t, key -> {
            try (NDManager scratch = owner.newSubManager()) {
                Loaded fresh = AnalysedWeights.untrained(loaded, entry.settings.seed(), scratch);
                return new ModelPass(fresh, pictures, entry.settings, entry.projector, scratch).lengths(t);
            }
        });
    }

    private static JsonObject describe(AnalysedWeights weights, Loaded loaded, Entry entry) throws IOException {
        SiTConfig config = loaded.trained();
        SiTConfig dropping = loaded.model().config();
        JsonObject out = new JsonObject();
        out.addProperty("name", entry.suffix.isEmpty() ? weights.name() : weights.name() + ", " + entry.suffix);
        if (weights.step() >= 0) {
            out.addProperty("step", weights.step());
        }
        out.addProperty("weights", String.valueOf(weights.file().getFileName()));
        out.addProperty("sha256", weights.sha256());
        if (weights.latents().isPresent()) {
            out.addProperty("autoencoder", weights.latents().get().sha256());
        }
        out.addProperty("path", loaded.path().name());
        if (config.process() != Process.FLOW) {
            out.addProperty("process", config.process().name());
        }
        out.addProperty("depth", config.model().depth());
        out.addProperty("classToken", config.hasClassToken());
        out.addProperty("placement", config.subset().placement().name());
        if (entry.aim.named) {
            out.addProperty("encoder", entry.aim.encoder + 1);
        }
        if (entry.projector >= 0) {
            out.addProperty("tap", config.align().depthOf(entry.projector));
            if (AnalysedWeights.canDrop(config, entry.projector)) {
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
        out.add("what", AnalysisJson.texts(MeasurableParts.names(settings)));
        out.addProperty("pictures", settings.pictures());
        out.add(
                "times",
                AnalysisJson.of(settings.times().stream()
                        .mapToDouble(Double::doubleValue)
                        .toArray()));
        out.addProperty("masks", settings.masks());
        if (!encoders.equals("1")) {
            out.addProperty("encoder", encoders);
        }
        out.addProperty("seed", settings.seed());
        out.addProperty("draws", settings.draws());
        out.addProperty("level", settings.resampling().level());
        return out;
    }

    private static JsonObject data(AnalysedData of, AnalysisPictures pictures) {
        RunConfig base = of.config();
        JsonObject out = new JsonObject();
        out.addProperty("config", of.file().toString());
        out.addProperty("kind", base.data().kind().name());
        out.addProperty("identity", pictures.identity());
        out.addProperty("encoder", base.encoder().kind().name());
        out.addProperty("encoderWidth", pictures.hasTokens() ? base.encoder().width() : 0);
        if (pictures.encoders() > 0 && !pictures.hasTokens()) {
            out.addProperty("comparedWith", EncoderSection.Kind.EMBEDDED.name());
        }
        out.addProperty("grid", pictures.grid());
        out.addProperty(
                "classes", (int) Arrays.stream(pictures.labels()).distinct().count());
        return out;
    }
}
