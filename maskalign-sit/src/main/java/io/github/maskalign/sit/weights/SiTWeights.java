package io.github.maskalign.sit.weights;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.diffusion.Interpolant;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.WeightsFile.Unknown;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.nn.internal.ParameterKeys;
import io.github.maskalign.core.nn.internal.SinCosPositions;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.core.sample.VelocityField;
import io.github.maskalign.sit.LossTerms;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTConfig.AlignConfig.ProjectorKind;
import io.github.maskalign.sit.SiTVelocityField;
import io.github.maskalign.sit.weights.internal.FamilyGuess;
import io.github.maskalign.sit.weights.internal.Geometry;
import io.github.maskalign.sit.weights.internal.KeyNames;
import io.github.maskalign.sit.weights.internal.Keys;
import io.github.maskalign.sit.weights.internal.LatentStatistics;
import io.github.maskalign.sit.weights.internal.ModelMetadata;
import io.github.maskalign.sit.weights.internal.OpenWeights;
import io.github.maskalign.sit.weights.internal.RunSnapshots;
import io.github.maskalign.sit.weights.internal.TimeConvention;
import io.github.maskalign.sit.weights.internal.TimeConvention.ReversedTimeField;
import io.github.maskalign.sit.weights.internal.TimeConvention.TimeAxis;
import io.github.maskalign.sit.weights.internal.VelocityRows;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Weights of the family under our names, with the model they belong to. Nothing is loaded before it is needed, so the
 * file they come from must stay open: {@link #open} keeps it so until {@link #close}, {@link #read} leaves it to the
 * caller.
 *
 * <pre>{@code
 * SiTWeights.save(model, Path.of("mine.safetensors"));
 * try (SiTWeights saved = SiTWeights.open(Path.of("mine.safetensors"))) {
 *     SiT same = saved.load(manager, Precision.FLOAT32);
 * }
 * }</pre>
 *
 * <p>Reading removes prefixes, tells the family, renames, picks the velocity rows of a head that also predicts sigma,
 * and then demands exactly the keys and shapes of the model that the tensors describe: every key that is missing or
 * unexpected is reported. Projectors may be missing as a whole, which sampling does not mind. The position table is
 * taken as stored; an averaged one differs from its formula by 2e-4.
 */
public final class SiTWeights implements Closeable {
    private static final float POSITION_TOLERANCE = 1e-3f;

    private final String origin;
    private final FamilyGuess guess;
    private final TimeConvention time;
    private final SiTConfig config;
    private final StateDict tensors;
    private final Map<String, String> facts;
    private final List<String> notes;
    private final @Nullable Closeable file;

    private SiTWeights(
            String origin,
            FamilyGuess guess,
            TimeConvention time,
            SiTConfig config,
            StateDict tensors,
            Map<String, String> facts,
            List<String> notes,
            @Nullable Closeable file) {
        this.origin = origin;
        this.guess = guess;
        this.time = time;
        this.config = config;
        this.tensors = tensors;
        this.facts = Map.copyOf(facts);
        this.notes = List.copyOf(notes);
        this.file = file;
    }

    /**
     * Opens a file of any family and kind, such as a snapshot of a run, what {@link #save} wrote, or a published
     * checkpoint; of several state dicts in one file the averaged one.
     *
     * @param source the file, or a run folder, whose newest averaged weights are taken
     * @throws CheckpointFormatException with all problems, if it is no model of the family
     */
    public static SiTWeights open(Path source) throws IOException {
        Path file = Files.isDirectory(source) ? RunSnapshots.newest(source) : source;
        OpenWeights opened = OpenWeights.open(file, null, Unknown.REFUSE);
        try {
            SiTWeights all = opened.sit(ImportOptions.AUTO);
            return new SiTWeights(
                    all.origin, all.guess, all.time, all.config, all.tensors, all.facts, all.notes, opened);
        } catch (IOException | RuntimeException e) {
            opened.close();
            throw e;
        }
    }

    /**
     * Writes or replaces a safetensors file with all weights of a model, under the official keys and with the texts
     * that say which model it is; {@link #open} needs nothing else.
     */
    public static void save(SiT model, Path file) throws IOException {
        boolean convolves = !model.config().encoderWidths().isEmpty()
                && model.config().align().projector() == ProjectorKind.CONV; // which REPA does not have
        WeightsFamily family = convolves
                ? WeightsFamily.SIT
                : WeightsFamily.find(ModelSettings.family(model.config())).orElse(WeightsFamily.SIT);
        SafetensorsWriter.write(
                file,
                StateDict.of(Weights.of(model)),
                ModelMetadata.of(family, TimeConvention.DATA_AT_0, model.config()));
    }

    /**
     * Understands a state dict of any family.
     *
     * @param origin file to name in messages
     * @param stored the tensors as stored
     * @param metadata the texts of the file
     * @param options what else is known
     * @throws CheckpointFormatException with all problems, if it is no model of the family
     */
    public static SiTWeights read(String origin, StateDict stored, Map<String, String> metadata, ImportOptions options)
            throws IOException {
        StateDict plain = KeyNames.withoutPrefixes(origin, stored);
        WeightsFamily given = options.family();
        FamilyGuess guess = given == null
                ? FamilyGuess.ofPlain(origin, plain, metadata)
                : new FamilyGuess(given, "it was given as such");
        List<String> notes = new ArrayList<>();
        Map<String, String> facts = facts(metadata);
        ImportOptions known = options;
        StateDict named = plain;
        switch (guess.family()) {
            case REPA_LEGACY -> {
                int encoderDepth = encoderDepth(origin, plain, options);
                named = KeyNames.withoutDecoder(origin, plain, encoderDepth);
                known = options.withAlignDepth(encoderDepth);
                notes.add("renamed decoder_blocks.i to blocks.(i + " + encoderDepth + ")");
            }
            case REDI -> named = KeyNames.withNumberedProjector(origin, plain);
            case IREPA -> named = options.withoutProjectors() ? plain : KeyNames.withPlainProjectors(origin, plain);
            case REPA_E -> {
                facts.putAll(LatentStatistics.of(origin, plain));
                named = without(plain, Keys.NORM);
                notes.add("took the statistics bn of the latents from the tensors to the metadata");
            }
            case MDTV2 -> {
                named = without(plain, KeyNames.PAIRS);
                if (named.keys().size() < plain.keys().size()) {
                    notes.add("left out relative_position_index of each block, which follows from the grid");
                }
            }
            case REG, REGLUE -> {
                if (!plain.keys().contains(Keys.CLASS_WEIGHT)) {
                    throw new CheckpointFormatException(
                            origin,
                            List.of("has no " + Keys.CLASS_WEIGHT + ", so it is no file of the family "
                                    + guess.family().id()));
                }
            }
            default -> {}
        }
        if (options.withoutProjectors()) {
            named = without(named, Keys.PROJECTORS);
        }
        if (named.keys().stream().anyMatch(key -> key.startsWith(Keys.SELF_HEAD))) {
            named = without(named, Keys.SELF_HEAD);
            notes.add("left out " + Keys.SELF_HEAD + "*, the head of self-alignment, which only training needs");
        }
        Optional<SiTConfig> told = ModelMetadata.config(metadata);
        SiTConfig config = withFeatures(
                guess.family(),
                trainedOn(
                        process(origin, told, guess.family(), given), origin, Geometry.of(origin, named, told, known)),
                notes);
        if (config.process() == Process.FLOW) {
            named = velocityOnly(named, config, notes);
        }
        requireModel(origin, named, config);
        if (config.subset().placement() != SubsetPlacement.MASKED_PASS) { // whose table is learned
            comparePositions(named, config, notes);
        }
        facts.putIfAbsent(ModelMetadata.SOURCE, guess.family().id());
        TimeConvention time = ModelMetadata.time(metadata).orElse(guess.family().time());
        return new SiTWeights(origin, guess, time, config, named, facts, notes, null);
    }

    /** What the weights were trained on: as the metadata say, otherwise as their family is. */
    private static Process process(
            String origin, Optional<SiTConfig> told, WeightsFamily family, @Nullable WeightsFamily given)
            throws CheckpointFormatException {
        Process usual = family.process();
        Process trained = told.map(SiTConfig::process).orElse(usual);
        if (given != null && trained != usual) {
            throw new CheckpointFormatException(
                    origin,
                    List.of("was trained with diffusion.process " + trained
                            + ", as its metadata says, so it is no file of the" + " family " + given.id()));
        }
        return trained;
    }

    private static SiTConfig trainedOn(Process process, String origin, SiTConfig config)
            throws CheckpointFormatException {
        try {
            return process == Process.DDPM ? config.withProcess(process) : config;
        } catch (IllegalArgumentException e) { // a class token
            throw new CheckpointFormatException(origin, List.of(String.valueOf(e.getMessage())));
        }
    }

    /** Returns where the weights come from. */
    public WeightsFamily family() {
        return guess.family();
    }

    /** Returns the family and what shows it. */
    public FamilyGuess guess() {
        return guess;
    }

    /** Returns the axis on which the weights work as they are. */
    public TimeConvention time() {
        return time;
    }

    /** Returns the model. */
    public SiTConfig config() {
        return config;
    }

    /** Returns the tensors under our keys. */
    public StateDict tensors() {
        return tensors;
    }

    /** Returns the path the weights were trained on; LINEAR, as all published ones were, unless the file says another. */
    public Interpolant path() {
        String name = facts.getOrDefault(ModelMetadata.PATH, "");
        return Arrays.stream(Interpolant.values())
                .filter(path -> path.name().equalsIgnoreCase(name))
                .findFirst()
                .orElse(Interpolant.LINEAR);
    }

    /**
     * Returns {@link SamplerConfig#defaults}, or for networks of noise DDPM's sampler with as many steps, with guidance on the
     * channels on which the family's own sampler lets it act.
     */
    public SamplerConfig sampling() {
        int guided = family().legacyGuidedChannels();
        SamplerConfig usual = SamplerConfig.defaults();
        if (config.process() == Process.DDPM) {
            usual = usual.withMethod(SamplerMethod.DDPM, usual.steps());
        }
        return usual.withGuidance(usual.guidance()
                .withLegacyGuidedChannels(guided < config.model().inChannels() ? guided : 0)
                .withCfgPower(family().cfgPower()));
    }

    /** Returns what was changed or is worth knowing, as sentences for a person. */
    public List<String> notes() {
        return notes;
    }

    /**
     * Returns the texts that describe the weights in a file: family, time convention, model, and what was known about
     * path, step and the statistics of the latents.
     */
    public Map<String, String> metadata() {
        Map<String, String> out = new LinkedHashMap<>(ModelMetadata.of(guess.family(), time, config));
        out.putAll(facts);
        return out;
    }

    String origin() {
        return origin;
    }

    /**
     * Returns the same weights for the axis where t = 0 is data; see {@link TimeAxis} for the formula. The velocities
     * agree up to float32 rounding. Weights that are there already are returned as they are.
     */
    public SiTWeights dataAtZero() throws IOException {
        return time == TimeConvention.DATA_AT_0 ? this : turned();
    }

    /** Returns the same weights for the other axis. */
    SiTWeights turned() throws IOException {
        Map<String, TensorSource> out = new LinkedHashMap<>(tensors.tensors());
        out.put(Keys.TIME_WEIGHT, TimeAxis.turnedFeatures(tensors.get(Keys.TIME_WEIGHT)));
        out.put(Keys.HEAD_WEIGHT, TimeAxis.negated(tensors.get(Keys.HEAD_WEIGHT)));
        out.put(Keys.HEAD_BIAS, TimeAxis.negated(tensors.get(Keys.HEAD_BIAS)));
        if (config.hasClassToken()) {
            String bias = Keys.CLASS_HEAD_WEIGHT.replace("weight", "bias");
            out.put(Keys.CLASS_HEAD_WEIGHT, TimeAxis.negated(tensors.get(Keys.CLASS_HEAD_WEIGHT)));
            out.put(bias, TimeAxis.negated(tensors.get(bias)));
        }
        TimeConvention other = time == TimeConvention.DATA_AT_0 ? TimeConvention.DATA_AT_1 : TimeConvention.DATA_AT_0;
        List<String> all = new ArrayList<>(notes);
        all.add("turned the time axis around inside the weights, from " + time.id() + " to " + other.id()
                + ": equal up to float32 rounding");
        return new SiTWeights(origin, guess, other, config, StateDict.ofTensors(out), facts, all, file);
    }

    /** Returns a new model with these weights, on the axis {@link #time()}; its arrays belong to the manager. */
    public SiT load(NDManager manager, Precision precision) throws IOException {
        SiT model = new SiT(config, precision);
        model.initialize(manager);
        tensors.copyTo(Weights.of(model));
        return model;
    }

    /** Returns a loaded model as samplers see it, on REPA's axis whatever the weights' is. */
    public VelocityField field(SiT loaded, ParameterStore store) {
        VelocityField field = new SiTVelocityField(loaded, store);
        return time == TimeConvention.DATA_AT_0 ? field : new ReversedTimeField(field);
    }

    /** Closes the file, if {@link #open} opened it. Models that were loaded stay. */
    @Override
    public void close() throws IOException {
        if (file != null) {
            file.close();
        }
    }

    private static Map<String, String> facts(Map<String, String> metadata) {
        Map<String, String> facts = new LinkedHashMap<>();
        String path = metadata.getOrDefault(ModelMetadata.PATH, metadata.get("config.diffusion.path"));
        if (path != null) {
            facts.put(ModelMetadata.PATH, path);
        }
        String step = metadata.getOrDefault(ModelMetadata.STEP, metadata.get("steps"));
        if (step != null) {
            facts.put(ModelMetadata.STEP, step);
        }
        for (String key : List.of(ModelMetadata.SOURCE, ModelMetadata.LATENT_MEAN, ModelMetadata.LATENT_STD)) {
            String value = metadata.get(key);
            if (value != null) {
                facts.put(key, value);
            }
        }
        return facts;
    }

    private static int encoderDepth(String origin, StateDict tensors, ImportOptions options)
            throws CheckpointFormatException {
        if (KeyNames.largestNumber(tensors, Keys.LEGACY_BLOCKS).isEmpty()) {
            throw new CheckpointFormatException(
                    origin, List.of("has no decoder_blocks, so it is no file of the family repa-legacy"));
        }
        int found = KeyNames.largestNumber(tensors, Keys.BLOCKS).orElse(-1) + 1;
        if (options.alignDepth() > 0 && options.alignDepth() != found) {
            throw new CheckpointFormatException(
                    origin,
                    List.of("has " + found + " blocks before its decoder_blocks, so align.depth must be " + found
                            + " but was given as " + options.alignDepth()));
        }
        return found;
    }

    /** The projects that generate features have them behind the 4 channels of Stable Diffusion's latents. */
    private static SiTConfig withFeatures(WeightsFamily family, SiTConfig config, List<String> notes) {
        int features = config.model().inChannels() - WeightsFamily.LATENT_CHANNELS;
        boolean generates = family == WeightsFamily.REDI || family == WeightsFamily.REGLUE;
        if (!generates || features < 1 || config.featureChannels() > 0) {
            return config;
        }
        notes.add("took the last " + features + " of " + config.model().inChannels()
                + " channels for features, which are no part of the picture");
        return config.withTerms(config.terms().withFeatures(LossTerms.Features.of(features)));
    }

    private static StateDict without(StateDict tensors, String name) {
        Map<String, TensorSource> out = new LinkedHashMap<>(tensors.tensors());
        out.keySet().removeIf(key -> key.startsWith(name) || key.endsWith(name));
        return StateDict.ofTensors(out);
    }

    private static StateDict velocityOnly(StateDict tensors, SiTConfig config, List<String> notes) throws IOException {
        TensorSource weight = tensors.tensors().get(Keys.HEAD_WEIGHT);
        TensorSource bias = tensors.tensors().get(Keys.HEAD_BIAS);
        long rows = (long) config.model().patchSize()
                * config.model().patchSize()
                * config.model().inChannels();
        if (weight == null
                || bias == null
                || !weight.shape().equals(new Shape(2 * rows, config.model().hiddenSize()))
                || !bias.shape().equals(new Shape(2 * rows))) {
            return tensors; // one of p²C rows, or wrong, which the check of all shapes says
        }
        notes.add("took the velocity's " + rows + " rows of the head's " + 2 * rows + " (learn_sigma)");
        Map<String, TensorSource> out = new LinkedHashMap<>(tensors.tensors());
        out.put(Keys.HEAD_WEIGHT, VelocityRows.of(weight, config.model().inChannels()));
        out.put(Keys.HEAD_BIAS, VelocityRows.of(bias, config.model().inChannels()));
        return StateDict.ofTensors(out);
    }

    private static void requireModel(String origin, StateDict tensors, SiTConfig config)
            throws CheckpointFormatException {
        Map<String, Shape> expected = new LinkedHashMap<>();
        try {
            for (Map.Entry<String, Parameter> parameter :
                    ParameterKeys.of(new SiT(config)).entrySet()) {
                expected.put(parameter.getKey(), parameter.getValue().getShape());
            }
        } catch (IllegalArgumentException e) { // heads that do not divide a width
            throw new CheckpointFormatException(origin, List.of(String.valueOf(e.getMessage())));
        }
        List<String> problems = new ArrayList<>();
        try {
            tensors.require(expected);
        } catch (CheckpointFormatException e) {
            problems.addAll(e.problems());
        }
        tensors.tensors().forEach((key, tensor) -> {
            if (!tensor.type().isFloat()) {
                problems.add(CheckpointFormatException.quote(key) + " must hold floating-point numbers but has type "
                        + tensor.type());
            }
        });
        if (!problems.isEmpty()) {
            throw new CheckpointFormatException(origin, problems);
        }
    }

    private static void comparePositions(StateDict tensors, SiTConfig config, List<String> notes) throws IOException {
        float[] formula =
                SinCosPositions.table(config.model().hiddenSize(), config.grid(), config.hasClassToken() ? 1 : 0);
        float[] stored = tensors.get(Keys.POSITIONS).floats();
        float largest = 0;
        for (int i = 0; i < formula.length; i++) {
            largest = Math.max(largest, Math.abs(formula[i] - stored[i])); // NaN stays NaN
        }
        if (!(largest <= POSITION_TOLERANCE)) {
            notes.add(Keys.POSITIONS + " differs from the sine-cosine formula by " + largest
                    + ", more than the average of a training run does; it is kept as stored");
        }
    }

    /**
     * What is known about a file beyond what is in it.
     *
     * @param family where it comes from; null to tell it from the tensors and the metadata
     * @param numHeads attention heads h, which no tensor shows; 0 to take them from the metadata or the published size
     * @param alignDepth number of blocks before the projectors (official {@code encoder_depth}), which no tensor shows
     *     either; 0 as for the heads
     * @param withoutProjectors whether projectors are left out: sampling does not need them
     */
    public record ImportOptions(
            @Nullable WeightsFamily family, int numHeads, int alignDepth, boolean withoutProjectors) {
        /** Nothing is known. */
        public static final ImportOptions AUTO = new ImportOptions(null, 0, 0, false);

        /** Checks the ranges. */
        public ImportOptions {
            if (numHeads < 0) {
                throw new IllegalArgumentException("numHeads must be 0 or positive but was " + numHeads);
            }
            if (alignDepth < 0) {
                throw new IllegalArgumentException("align.depth must be 0 or positive but was " + alignDepth);
            }
        }

        /** Says where the file comes from. */
        public ImportOptions from(@Nullable WeightsFamily origin) {
            return new ImportOptions(origin, numHeads, alignDepth, withoutProjectors);
        }

        /** Says how many heads the model has. */
        public ImportOptions withNumHeads(int heads) {
            return new ImportOptions(family, heads, alignDepth, withoutProjectors);
        }

        /** Says at which depth the model was aligned. */
        public ImportOptions withAlignDepth(int depth) {
            return new ImportOptions(family, numHeads, depth, withoutProjectors);
        }

        /** Leaves the projectors out. */
        public ImportOptions leavingProjectorsOut() {
            return new ImportOptions(family, numHeads, alignDepth, true);
        }
    }
}
