package io.github.maskalign.sit.lab.internal;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.SubsetConfig.Drawing;
import io.github.maskalign.core.align.SubsetConfig.Dropping;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.align.SubsetConfig.SubsetSchedule;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.WeightsFile.Unknown;
import io.github.maskalign.core.files.internal.CheckpointDir;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.sit.LossTerms;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTConfig.AlignConfig.ProjectorKind;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.internal.RunPlan;
import io.github.maskalign.sit.run.internal.SampleSource;
import io.github.maskalign.sit.run.internal.TrainedLatents;
import io.github.maskalign.sit.run.internal.TrainedWeights;
import io.github.maskalign.sit.weights.SiTWeights;
import io.github.maskalign.sit.weights.SiTWeights.ImportOptions;
import io.github.maskalign.sit.weights.internal.ModelMetadata;
import io.github.maskalign.sit.weights.internal.OpenWeights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Averaged weights that are analysed: of a run, or a file of any project.
 *
 * @param name name of the run or file, and the step where it is known
 * @param step steps it was trained for; -1 if that is not known
 * @param file the file
 * @param run config of its run; empty for files from elsewhere
 * @param latents what it sees of pictures, if that is not what the data hold
 */
record AnalysedWeights(String name, long step, Path file, Optional<RunConfig> run, Optional<TrainedLatents> latents) {
    private static final Pattern SNAPSHOT = Pattern.compile("snapshot-(\\d+)\\.safetensors");
    private static final String OTHER_LATENTS =
            "its latents are taken to be those of the data, which must then have been made by the autoencoder that was"
                    + " trained along with it, and normalised by the statistics in its file";
    private static final Pattern NUMBER = Pattern.compile("(\\d{7,18})");

    /**
     * Finds the weights of a source.
     *
     * @param source run folder, a file in one, or a file of weights of any project
     * @param checkpoints {@code all}, {@code newest} or steps with commas between; of run folders only
     */
    static List<AnalysedWeights> of(Path source, String checkpoints) throws IOException {
        if (!SampleSource.isRun(source)) {
            if (!Files.isRegularFile(source)) {
                throw new IllegalArgumentException(source + " is neither the folder of a run nor a file of weights");
            }
            return List.of(new AnalysedWeights(
                    String.valueOf(source.getFileName()), -1, source, Optional.empty(), Optional.empty()));
        }
        if (!Files.isDirectory(source)) {
            return List.of(inRun(TrainedWeights.find(source)));
        }
        if (checkpoints.equals("newest")) {
            return List.of(inRun(TrainedWeights.find(source)));
        }
        TreeMap<Long, Path> files = files(source);
        if (!checkpoints.equals("all")) {
            TreeMap<Long, Path> chosen = new TreeMap<>();
            for (String step : checkpoints.split(",", -1)) {
                Path file = step.strip().matches("\\d{1,18}") ? files.get(Long.parseLong(step.strip())) : null;
                if (file == null) {
                    throw new IllegalArgumentException("checkpoints must be all, newest or steps of " + source
                            + ", which has " + files.keySet() + ", but '" + step.strip() + "' was given");
                }
                chosen.put(Long.parseLong(step.strip()), file);
            }
            files = chosen;
        }
        if (files.isEmpty()) {
            throw new IllegalArgumentException(source + " has no averaged weights yet");
        }
        List<AnalysedWeights> all = new ArrayList<>();
        for (Path file : files.values()) {
            all.add(inRun(TrainedWeights.find(file)));
        }
        return all;
    }

    /** Averaged weights of a run by step: its snapshots, and the averages in its checkpoints. */
    private static TreeMap<Long, Path> files(Path folder) throws IOException {
        TreeMap<Long, Path> files = new TreeMap<>();
        Path states = folder.resolve("checkpoints");
        if (Files.isDirectory(states)) {
            CheckpointDir dir = CheckpointDir.openReadOnly(states);
            for (long step : dir.steps()) {
                files.put(step, dir.load(step).folder().resolve("ema.safetensors"));
            }
        }
        try (Stream<Path> found = Files.list(folder)) {
            found.forEach(file -> {
                Matcher name = SNAPSHOT.matcher(String.valueOf(file.getFileName()));
                if (name.matches()) {
                    files.put(Long.parseLong(name.group(1)), file);
                }
            });
        }
        return files;
    }

    private static AnalysedWeights inRun(TrainedWeights found) throws IOException {
        Path file = found.weights().toAbsolutePath();
        Matcher inName = NUMBER.matcher(String.valueOf(file.getFileName()));
        Matcher inFolder = NUMBER.matcher(String.valueOf(file.resolveSibling("").getFileName()));
        long step = inName.find()
                ? Long.parseLong(inName.group())
                : inFolder.find() ? Long.parseLong(inFolder.group()) : -1;
        String name = String.valueOf(found.folder().toAbsolutePath().normalize().getFileName());
        return new AnalysedWeights(
                step < 0 ? name : name + ", step " + step,
                step,
                file,
                Optional.of(found.config()),
                TrainedLatents.of(found));
    }

    /**
     * A model ready to be looked at.
     *
     * @param model the model, which drops tokens at once wherever it is given some to keep
     * @param trained the model as it was trained
     * @param path the path it was trained on
     * @param notes what was changed in a file from elsewhere
     */
    record Loaded(SiT model, SiTConfig trained, Interpolant path, List<String> notes) {}

    /**
     * Loads the model; its arrays belong to the manager.
     *
     * @param like where the config of a file does not say at which depth it was aligned
     */
    Loaded load(NDManager manager, @Nullable RunConfig like) throws IOException {
        if (run.isPresent()) {
            try (OpenWeights weights = OpenWeights.open(file, null, Unknown.REFUSE)) {
                SiTConfig config = RunPlan.model(run.get());
                return new Loaded(
                        load(manager, config, weights.tensors()),
                        config,
                        run.get().method().diffusion().path(),
                        List.of());
            }
        }
        ImportOptions options = ImportOptions.AUTO;
        if (like != null && like.align().enabled()) {
            options = options.withAlignDepth(like.align().depth());
        }
        try (OpenWeights weights = OpenWeights.open(file, null, Unknown.REFUSE)) {
            SiTWeights read = weights.sit(options).dataAtZero();
            SiTConfig config = read.config();
            List<String> notes = new ArrayList<>(read.notes());
            if (read.metadata().containsKey(ModelMetadata.LATENT_MEAN)) {
                notes.add(OTHER_LATENTS);
            }
            return new Loaded(load(manager, config, read.tensors()), config, read.path(), notes);
        }
    }

    /** Returns the same model before anything was learnt, with random weights. */
    static Loaded untrained(Loaded of, long seed, NDManager manager) {
        SiT model = new SiT(of.model().config(), Precision.FLOAT32);
        Engine.getInstance().setRandomSeed((int) (seed ^ seed >>> 32));
        model.initialize(manager);
        return new Loaded(model, of.trained(), of.path(), List.of());
    }

    private static SiT load(NDManager manager, SiTConfig config, StateDict tensors) throws IOException {
        SiT model = new SiT(dropping(config), Precision.FLOAT32);
        model.initialize(manager);
        Map<String, NDArray> targets = Weights.of(model);
        Map<String, TensorSource> used = new LinkedHashMap<>(tensors.tensors());
        Set<String> known = ParameterKeys.of(new SiT(config, Precision.FLOAT32)).keySet();
        // heads of terms and fillers of dropped tokens, which have no place here; whatever else there is, is refused
        used.keySet().removeIf(key -> known.contains(key) && !targets.containsKey(key));
        try (GradMode editing = GradMode.off()) {
            StateDict.ofTensors(used).copyTo(targets);
        }
        return model;
    }

    /**
     * Whether a masked forward says something about a projector: a convolution needs the whole grid, and the dense blocks of
     * SPARSE always see all tokens.
     */
    static boolean canDrop(SiTConfig config, int projector) {
        if (!config.align().enabled()) {
            return true;
        }
        boolean sees = config.subset().placement() != SubsetPlacement.SPARSE
                || config.subset()
                        .sparse()
                        .between(
                                config.align().depthOf(projector) - 1,
                                config.model().depth());
        return sees && config.align().projector() != ProjectorKind.CONV;
    }

    /**
     * The model that drops tokens wherever it is given some to keep, and is else the same: behind the mixer, or where parts of
     * its own begin and end there, as the middle of SPARSE, the encoder of MASKED_PASS and the decoder that paints.
     */
    static SiTConfig dropping(SiTConfig config) {
        SiTConfig plain = config.withTerms(
                config.terms().features().map(LossTerms.NONE::withFeatures).orElse(LossTerms.NONE));
        SubsetConfig own = config.subset();
        double trained = own.dropping().ratio();
        double ratio =
                trained > 0 ? trained : SubsetConfig.defaults().dropping().ratio();
        boolean twice = own.placement() == SubsetPlacement.MASKED_PASS;
        if (twice || own.placement() == SubsetPlacement.SPARSE || own.decoder().isPresent()) {
            Dropping how = own.dropping();
            return plain.withSubset(
                    own.withSchedule(SubsetSchedule.CONSTANT, 0, how.schedulePower(), how.scheduleWidth())
                            .withUnmaskedTailSteps(0)
                            .withRatio(ratio)
                            .withDrawing(
                                    SubsetConfig.Scope.PER_SAMPLE,
                                    own.drawing().rounding(),
                                    own.drawing().order()));
        }
        if (config.align().enabled() && config.align().projector() == ProjectorKind.CONV) {
            return plain.withSubset(SubsetConfig.none());
        }
        Drawing usual = SubsetConfig.defaults().drawing();
        SubsetConfig subset = SubsetConfig.none()
                .withPlacement(SubsetPlacement.DROP)
                .withRatio(ratio)
                .withDrawing(SubsetConfig.Scope.PER_SAMPLE, usual.rounding(), usual.order());
        return plain.withSubset(subset);
    }

    String sha256() throws IOException {
        return Digests.sha256(file);
    }
}
