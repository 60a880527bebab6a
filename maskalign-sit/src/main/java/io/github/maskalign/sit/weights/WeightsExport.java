package io.github.maskalign.sit.weights;

import io.github.maskalign.core.align.SubsetConfig.SubsetPlacement;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTConfig.AlignConfig.ProjectorKind;
import io.github.maskalign.sit.weights.SiTWeights.ImportOptions;
import io.github.maskalign.sit.weights.internal.Geometry;
import io.github.maskalign.sit.weights.internal.KeyNames;
import io.github.maskalign.sit.weights.internal.Keys;
import io.github.maskalign.sit.weights.internal.ModelMetadata;
import io.github.maskalign.sit.weights.internal.TimeConvention;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Weights under the names and on the time axis of one project, ready to be written.
 *
 * <p>{@code repa} and {@code reg} are what the {@code generate.py} of REPA and REG load; {@code sit-official} is what
 * willisma/SiT's sampler loads, a head of C channels ({@code learn_sigma=False}, which it assumes for every file that
 * is not its own), {@code irepa} what iREPA's loads, {@code dit} what facebookresearch/DiT's and
 * {@code mdtv2} what sail-sg/MDT's does. Their loaders are strict, so a token mixer cannot go with them: {@link Extra} says what becomes of
 * it. {@code sit} and {@code maskalign} are this library's own and leave nothing out.
 *
 * @param family the project
 * @param tensors the tensors under its keys
 * @param metadata texts that describe them
 * @param notes what was changed on the way from the file, as sentences for a person
 */
public record WeightsExport(WeightsFamily family, StateDict tensors, Map<String, String> metadata, List<String> notes) {

    /** The families that weights can be written for. */
    public static final Set<WeightsFamily> TARGETS = Set.of(
            WeightsFamily.SIT,
            WeightsFamily.REPA,
            WeightsFamily.REG,
            WeightsFamily.MASKALIGN,
            WeightsFamily.SIT_OFFICIAL,
            WeightsFamily.IREPA,
            WeightsFamily.DIT,
            WeightsFamily.MDTV2);

    /** What becomes of {@code mixer.*} and {@code mask_token}, which no other project knows. */
    public enum Extra {
        /** They stay, and the project's own loader refuses the file until they are taken out. */
        KEEP,
        /** The export fails. */
        REFUSE,
        /** They are left out: the file loads, but it is another network than the one that was trained. */
        DROP
    }

    /** Copies the collections. */
    public WeightsExport {
        metadata = Map.copyOf(metadata);
        notes = List.copyOf(notes);
    }

    /**
     * Exports weights.
     *
     * @param weights weights of any family
     * @param family one of {@link #TARGETS}, or for a model with features REDI, or with a class token too REGLUE
     * @param extra what becomes of a mixer if the family has none
     * @throws IllegalArgumentException for another family
     * @throws CheckpointFormatException if the family has no such model, with all reasons
     */
    public static WeightsExport of(SiTWeights weights, WeightsFamily family, Extra extra) throws IOException {
        SiTConfig config = weights.config();
        boolean ours = family == WeightsFamily.SIT || family == WeightsFamily.MASKALIGN;
        boolean foreign = !ours
                && family != WeightsFamily.MDTV2
                && weights.tensors().keys().stream().anyMatch(Keys::isOurs);
        List<String> problems = problems(config, family);
        if (foreign && extra == Extra.REFUSE) {
            problems.add(family.id() + " has neither mixer.* nor mask_token, and these weights do");
        }
        if (!problems.isEmpty()) {
            throw new CheckpointFormatException(weights.origin(), problems);
        }
        SiTWeights placed = ours || weights.time() == family.time() ? weights : weights.turned();
        List<String> notes = new ArrayList<>(placed.notes());
        Map<String, TensorSource> tensors = new LinkedHashMap<>(placed.tensors().tensors());
        if (foreign && extra == Extra.KEEP) {
            notes.add("kept mixer.* and mask_token, which " + family.id()
                    + " does not have: its own loader is strict and refuses them");
        }
        if (foreign && extra == Extra.DROP) {
            tensors.keySet().removeIf(Keys::isOurs);
            notes.add("left out mixer.* and mask_token: this is another network than the one that was trained");
        }
        boolean bare =
                family == WeightsFamily.SIT_OFFICIAL || family == WeightsFamily.DIT || family == WeightsFamily.REDI;
        if (bare && !config.encoderWidths().isEmpty()) {
            tensors.keySet().removeIf(Keys::isProjector);
            notes.add("left out the projectors, which " + family.id() + " does not have");
        }
        StateDict left = StateDict.ofTensors(tensors);
        SiTConfig model = tensors.size() == placed.tensors().size()
                ? config
                : Geometry.of(weights.origin(), left, Optional.of(config), ImportOptions.AUTO)
                        .withProcess(config.process());
        Map<String, String> metadata = new LinkedHashMap<>(placed.metadata());
        metadata.putAll(ModelMetadata.of(family, placed.time(), model));
        StateDict named = left;
        if (family == WeightsFamily.IREPA) {
            named = KeyNames.withProjectionLayers(weights.origin(), left);
            notes.add("renamed projectors.k to projectors.k.projection_layer");
        }
        if (family == WeightsFamily.MDTV2) {
            named = KeyNames.withPairs(left, config.grid());
            notes.add("added relative_position_index to each block, which mdtv2's own loader wants");
        }
        return new WeightsExport(family, named, metadata, notes);
    }

    /** Why a project has no such model. */
    private static List<String> problems(SiTConfig config, WeightsFamily family) {
        boolean redi = family == WeightsFamily.REDI;
        boolean grouped = redi || family == WeightsFamily.REGLUE;
        if (!TARGETS.contains(family) && !(grouped && config.featureChannels() > 0)) {
            throw new IllegalArgumentException(
                    "weights can be exported as sit, repa, reg, maskalign, sit-official, irepa, dit or mdtv2, and those with features as"
                            + " redi or reglue, but not as "
                            + family.id());
        }
        List<String> problems = new ArrayList<>();
        boolean chain = config.process() == Process.DDPM;
        boolean skips = config.subset().placement() == SubsetPlacement.MASKED_PASS;
        if (skips && family != WeightsFamily.MDTV2 && family != WeightsFamily.SIT) {
            problems.add(family.id()
                    + " has plain blocks, and these weights blocks with long skips: export them as mdtv2 or sit");
        }
        if (family == WeightsFamily.MDTV2 && !(skips && chain)) {
            problems.add("mdtv2 has blocks with long skips and predicts noise and variance, and these weights "
                    + (skips ? "velocities" : "have plain blocks"));
        }
        if (chain
                && !skips
                && family != WeightsFamily.MDTV2
                && family != WeightsFamily.DIT
                && family != WeightsFamily.SIT
                && family != WeightsFamily.MASKALIGN) {
            problems.add(
                    family.id() + " predicts velocities, and these weights noise and variance (diffusion.process DDPM):"
                            + " export them as dit, or as sit with all that training needs");
        }
        if (!chain && family == WeightsFamily.DIT) {
            problems.add("dit predicts noise and variance of DDPM's steps, and these weights velocities");
        }
        boolean withoutToken = redi
                || family == WeightsFamily.REPA
                || family == WeightsFamily.SIT_OFFICIAL
                || family == WeightsFamily.IREPA;
        boolean convolves = !config.encoderWidths().isEmpty() && config.align().projector() == ProjectorKind.CONV;
        if (convolves && (grouped && !redi || family == WeightsFamily.REPA || family == WeightsFamily.REG)) {
            problems.add(family.id()
                    + " has projectors of linear layers, and these weights have convolutions: irepa has" + " them too");
        }
        if (withoutToken && config.hasClassToken()) {
            problems.add(family.id() + " has no class token, and these weights generate one of width "
                    + config.classTokenWidth());
        }
        boolean withToken = family == WeightsFamily.REG || family == WeightsFamily.REGLUE;
        if (withToken && !config.hasClassToken()) {
            problems.add(family.id() + " needs a class token, which these weights do not have");
        }
        boolean withProjectors = withToken || family == WeightsFamily.REPA || family == WeightsFamily.IREPA;
        if (withProjectors && config.encoderWidths().isEmpty()) {
            problems.add(
                    family.id()
                            + "'s own loader is strict and wants projectors, which these weights do not have; export them as sit");
        }
        return problems;
    }

    /**
     * Returns the family as which these weights are written without a change: {@code dit} or {@code sit} for networks of noise,
     * otherwise {@code maskalign} with a mixer, {@code repa}
     * with projectors, {@code reg} with a class token too, {@code reglue} with features besides, and {@code sit} for all else, for projectors that are convolutions,
     * for blocks with long skips, and for the other time axis.
     */
    public static WeightsFamily naturalFamily(SiTWeights weights) {
        SiTConfig config = weights.config();
        if (weights.time() != TimeConvention.DATA_AT_0 || config.subset().placement() == SubsetPlacement.MASKED_PASS) {
            return WeightsFamily.SIT;
        }
        if (config.process() == Process.DDPM) {
            boolean plain = config.encoderWidths().isEmpty()
                    && weights.tensors().keys().stream().noneMatch(Keys::isOurs);
            return plain ? WeightsFamily.DIT : WeightsFamily.SIT;
        }
        if (config.mixer().layers() > 0 || weights.tensors().keys().contains(Keys.MASK_TOKEN)) {
            return WeightsFamily.MASKALIGN;
        }
        if (config.encoderWidths().isEmpty() || config.align().projector() == ProjectorKind.CONV) {
            return WeightsFamily.SIT;
        }
        if (!config.hasClassToken()) {
            return WeightsFamily.REPA;
        }
        return config.featureChannels() > 0 ? WeightsFamily.REGLUE : WeightsFamily.REG;
    }
}
