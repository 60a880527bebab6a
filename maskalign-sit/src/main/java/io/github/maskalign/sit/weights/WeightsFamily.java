package io.github.maskalign.sit.weights;

import io.github.maskalign.core.config.ConfigKey.Identified;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.diffusion.DiffusionConfig.Process;
import io.github.maskalign.sit.weights.internal.TimeConvention;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/** The projects whose checkpoints are understood. They differ in names, parts and the time axis. */
public enum WeightsFamily implements Identified {
    /** Weights of this library that no other name fits, such as a plain SiT on REPA's time axis. */
    SIT("sit", TimeConvention.DATA_AT_0),
    /** REPA: {@code projectors.k.{0,2,4}}. */
    REPA("repa", TimeConvention.DATA_AT_0),
    /** REG: {@code cls_projectors2}, {@code wg_norm}, {@code final_layer.linear_cls}. */
    REG("reg", TimeConvention.DATA_AT_0),
    /** MaskAlign as this library trains it: REPA's or REG's names, and {@code mixer.i}. */
    MASKALIGN("maskalign", TimeConvention.DATA_AT_0),
    /** willisma/SiT: data at t = 1, and by default a head of 2C channels. */
    SIT_OFFICIAL("sit-official", TimeConvention.DATA_AT_1),
    /** iREPA: {@code projectors.k.projection_layer}. */
    IREPA("irepa", TimeConvention.DATA_AT_0),
    /** REPA-E: REPA, and the statistics {@code bn} that normalise its latents. */
    REPA_E("repa-e", TimeConvention.DATA_AT_0),
    /** REPA's first files: the blocks after the alignment depth are {@code decoder_blocks.i}. */
    REPA_LEGACY("repa-legacy", TimeConvention.DATA_AT_0),
    /** REGLUE: REG on 4 + 16 channels. */
    REGLUE("reglue", TimeConvention.DATA_AT_0),
    /** facebookresearch/DiT, and all models here that predict noise: SiT's names, a head of 2C channels, DDPM's chain. */
    DIT("dit", TimeConvention.DATA_AT_0),
    /** ReDi: SiT's names and axis on 4 + 8 channels, and {@code projector} if it was trained with REPA. */
    REDI("redi", TimeConvention.DATA_AT_1),
    /** sail-sg/MDT, its second version: {@code en_inblocks}, {@code en_outblocks}, {@code de_blocks}, DDPM's chain. */
    MDTV2("mdtv2", TimeConvention.DATA_AT_0);

    private static final double MDT_POWER = 4;

    /** Channels of Stable Diffusion's latents, behind which REGLUE and ReDi have features. */
    static final int LATENT_CHANNELS = 4;

    private final String id;
    private final TimeConvention time;

    WeightsFamily(String id, TimeConvention time) {
        this.id = id;
        this.time = time;
    }

    /** Returns the name used in files and commands. */
    @Override
    public String id() {
        return id;
    }

    /** Returns the time axis the project trains on. */
    public TimeConvention time() {
        return time;
    }

    /**
     * Returns how many channels of the latent the project's own sampler guides, the first ones; 0 for all. It is a
     * quirk of {@code forward_with_cfg} in facebookresearch/DiT, willisma/SiT and sail-sg/MDT, which their published scores with
     * guidance need (FID 2.27 of DiT-XL/2, 2.06 of SiT-XL/2, 1.58 of MDTv2-XL/2); every other family guides all.
     */
    public int legacyGuidedChannels() {
        return this == SIT_OFFICIAL || this == DIT || this == MDTV2 ? 3 : 0;
    }

    /** Returns the power by which the project's own sampler lets guidance grow towards data, {@code cfgPower}; 0 for none. */
    double cfgPower() {
        return this == MDTV2 ? MDT_POWER : 0;
    }

    /** Returns what the project's models are trained on. */
    Process process() {
        return this == DIT || this == MDTV2 ? Process.DDPM : Process.FLOW;
    }

    /**
     * Returns how the project makes bytes of decoded pictures: DiT, willisma/SiT and ReDi round, REPA and its relatives
     * truncate. Published numbers need the rule of their project.
     */
    public PixelScaling pixels() {
        return this == SIT_OFFICIAL || this == DIT || this == REDI ? PixelScaling.ROUND : PixelScaling.TRUNCATE;
    }

    /** Finds a family by its name in files. */
    public static Optional<WeightsFamily> find(String id) {
        return Arrays.stream(values()).filter(family -> family.id.equals(id)).findFirst();
    }

    /** Returns the names of all families, for a message. */
    public static String ids() {
        return Arrays.stream(values()).map(WeightsFamily::id).collect(Collectors.joining(", "));
    }
}
