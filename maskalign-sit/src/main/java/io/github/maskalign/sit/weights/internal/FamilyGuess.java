package io.github.maskalign.sit.weights.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.sit.weights.WeightsFamily;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Which project a state dict comes from, and why.
 *
 * @param family the project
 * @param evidence what shows it, one sentence
 */
public record FamilyGuess(WeightsFamily family, String evidence) {
    private static final int REDI_CHANNELS = 12;
    private static final int REGLUE_CHANNELS = 20;

    /**
     * Tells the family from metadata and keys; prefixes such as {@code module.} do not matter.
     *
     * @param origin file to name in messages
     * @throws CheckpointFormatException if it is no SiT at all, or several families have such tensors
     */
    public static FamilyGuess of(String origin, StateDict tensors, Map<String, String> metadata) throws IOException {
        return ofPlain(origin, KeyNames.withoutPrefixes(origin, tensors), metadata);
    }

    /** As {@link #of}, without prefixes. */
    public static FamilyGuess ofPlain(String origin, StateDict tensors, Map<String, String> metadata)
            throws IOException {
        Set<String> keys = tensors.keys();
        Map<String, Shape> shapes = tensors.shapes();
        Shape embed = shapes.get(Keys.PATCH_WEIGHT);
        if (embed == null || embed.dimension() != 4 || !keys.contains(Keys.LABELS)) {
            throw new CheckpointFormatException(
                    origin,
                    List.of("has no " + Keys.PATCH_WEIGHT + " (D, C, p, p) and " + Keys.LABELS
                            + ", so it is no model of the SiT family"));
        }
        Optional<WeightsFamily> told =
                Optional.ofNullable(metadata.get(ModelMetadata.FAMILY)).flatMap(WeightsFamily::find);
        if (told.isPresent()) {
            return new FamilyGuess(told.get(), "its metadata says so");
        }
        long channels = embed.get(1);
        if (has(keys, Keys.LEGACY_BLOCKS) && !keys.contains(Keys.DECODER_WEIGHT)) {
            return new FamilyGuess(WeightsFamily.REPA_LEGACY, "it has decoder_blocks");
        }
        if (keys.contains(Keys.NORM_MEAN)) {
            return new FamilyGuess(WeightsFamily.REPA_E, "it has " + Keys.NORM_MEAN);
        }
        if (has(keys, Keys.IN_BLOCKS)) {
            return new FamilyGuess(WeightsFamily.MDTV2, "it has " + Keys.IN_BLOCKS + "i");
        }
        if (has(keys, Keys.MIXER) || keys.contains(Keys.MASK_TOKEN)) {
            return new FamilyGuess(
                    WeightsFamily.MASKALIGN, "it has " + (has(keys, Keys.MIXER) ? Keys.MIXER + "i" : Keys.MASK_TOKEN));
        }
        if (keys.contains(Keys.CLASS_WEIGHT)) {
            return channels == REGLUE_CHANNELS
                    ? new FamilyGuess(
                            WeightsFamily.REGLUE,
                            "it has " + Keys.CLASS_WEIGHT + " and takes " + channels + " channels")
                    : new FamilyGuess(WeightsFamily.REG, "it has " + Keys.CLASS_WEIGHT);
        }
        if (keys.stream().anyMatch(key -> key.startsWith(Keys.PROJECTORS) && key.contains(".projection_layer."))) {
            return new FamilyGuess(WeightsFamily.IREPA, "it has projectors.k.projection_layer");
        }
        if (has(keys, Keys.PROJECTORS)) {
            return new FamilyGuess(WeightsFamily.REPA, "it has projectors, and none of what REPA's relatives add");
        }
        if (has(keys, Keys.SELF_HEAD)) {
            return new FamilyGuess(
                    WeightsFamily.SIT, "it has " + Keys.SELF_HEAD + "*, the head of self-alignment (SRA)");
        }
        if (has(keys, "projector.") || channels == REDI_CHANNELS) {
            return new FamilyGuess(
                    WeightsFamily.REDI,
                    has(keys, "projector.") ? "it has projector" : "it takes " + channels + " channels");
        }
        Shape head = shapes.get(Keys.HEAD_WEIGHT);
        if (head != null && head.dimension() == 2 && head.get(0) == 2 * embed.get(2) * embed.get(3) * channels) {
            return ofTwoHalves(origin, tensors, Math.toIntExact(channels));
        }
        throw new CheckpointFormatException(
                origin,
                List.of("may be of the family sit-official (t = 1 is data), or repa or sit (t = 0 is data) without"
                        + " projectors: their tensors look the same, so the family must be given"));
    }

    /**
     * A head of 2C channels: willisma/SiT's, whose second half no loss ever reaches, or facebookresearch/DiT's, whose second half
     * is the variance. Keys and shapes are the same.
     */
    private static FamilyGuess ofTwoHalves(String origin, StateDict tensors, int channels) throws IOException {
        String evidence = "its head predicts 2C = " + 2 * channels + " channels (learn_sigma)";
        if (VelocityRows.leavesZeros(tensors.get(Keys.HEAD_WEIGHT), channels)) {
            return new FamilyGuess(
                    WeightsFamily.SIT_OFFICIAL, evidence + ", whose second half was never trained, as DiT's is");
        }
        String file = origin.substring(Math.max(origin.lastIndexOf('/'), origin.lastIndexOf('\\')) + 1)
                .toLowerCase(Locale.ROOT);
        if (file.startsWith("sit")) {
            return new FamilyGuess(
                    WeightsFamily.SIT_OFFICIAL, evidence + ", and the file is called as willisma/SiT's are");
        }
        if (file.startsWith("dit")) {
            return new FamilyGuess(
                    WeightsFamily.DIT, evidence + ", and the file is called as facebookresearch/DiT's are");
        }
        throw new CheckpointFormatException(
                origin,
                List.of(
                        "may be of the family sit-official (velocities) or dit (noise and variance of DDPM's steps): both have"
                                + " a head of 2C channels under the same names, so the family must be given"));
    }

    private static boolean has(Set<String> keys, String prefix) {
        return keys.stream().anyMatch(key -> key.startsWith(prefix));
    }
}
