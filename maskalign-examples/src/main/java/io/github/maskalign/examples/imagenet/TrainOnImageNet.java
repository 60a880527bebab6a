package io.github.maskalign.examples.imagenet;

import ai.djl.Device;
import ai.djl.engine.Engine;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.data.LatentData;
import io.github.maskalign.core.data.PreparedSamples;
import io.github.maskalign.core.data.ReadAheadData;
import io.github.maskalign.core.data.internal.RepaFolders;
import io.github.maskalign.core.data.internal.SampleLayout;
import io.github.maskalign.core.script.ScriptTrust;
import io.github.maskalign.core.train.TrainConfig;
import io.github.maskalign.core.train.TrainListener.StopReason;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.encoders.Preprocessing;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTTraining;
import io.github.maskalign.sit.SiTVariant;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Trains a SiT with MaskAlign, with the paper's settings, on pictures that {@code maskalign prepare} has encoded.
 *
 * <pre>
 * TrainOnImageNet SET RUN VARIANT STEPS BATCH [DINOV2 SHA256]
 *   SET      folder made by maskalign prepare, with pictures or with the encoder's tokens
 *   RUN      folder for checkpoints, snapshots and stats.jsonl; the same command goes on where a run has stopped
 *   VARIANT  such as SiT-B/2 or SiT-XL/2
 *   STEPS    such as 400000
 *   BATCH    samples of a step, such as 256
 *   DINOV2   TorchScript file of the encoder; without it, the set's own tokens are the targets
 *   SHA256   its hash: a TorchScript file is a program, and only the one you made should run
 * </pre>
 */
public final class TrainOnImageNet {
    private static final double LATENT_SCALE = 0.18215; // Stable Diffusion's

    private TrainOnImageNet() {}

    /** Trains; ends with exit code 2 if the arguments are wrong. */
    public static void main(String[] args) throws IOException {
        if (args.length != 5 && args.length != 7) {
            System.err.println("usage: TrainOnImageNet SET RUN VARIANT STEPS BATCH [DINOV2 SHA256]");
            System.exit(2);
        }
        long steps = Long.parseLong(args[3]);
        TrainConfig rhythm = new TrainConfig(
                steps,
                Integer.parseInt(args[4]),
                1,
                new TrainConfig.Saving(5_000, 3, 50_000),
                new TrainConfig.Skipping(5, 100));
        EncoderFile encoder = args.length == 7 ? new EncoderFile(Path.of(args[5]), args[6]) : null;
        train(Path.of(args[0]), Path.of(args[1]), SiTVariant.ofId(args[2]), rhythm, encoder);
    }

    /** A TorchScript file, and the hash of the one that may run. */
    record EncoderFile(Path path, String sha256) {}

    /**
     * Trains until the last step; goes on from the last checkpoint in {@code run}, however it was left.
     *
     * @param encoderFile TorchScript file of a DINOv2; null to align with the tokens of the set
     */
    static StopReason train(
            Path set, Path run, SiTVariant variant, TrainConfig rhythm, @Nullable EncoderFile encoderFile)
            throws IOException {
        try (PreparedSamples samples =
                        PreparedSamples.open(new RepaFolders(set, RepaFolders.IMAGES, RepaFolders.LATENTS));
                RepresentationEncoder encoder = encoderFile == null
                        ? null
                        : open(encoderFile, Engine.getInstance().defaultDevice())) {
            samples.watch().ifPresent(System.err::println); // from now on damaged files end the run
            int width = encoder == null ? samples.layout().tokenWidth() : encoder.width();
            SiTTraining.Builder training = SiTTraining.builder()
                    .setModel(maskAlign(variant, samples.layout(), samples.classes(), width))
                    .setData((draws, kept) -> {
                        LatentData latents = new LatentData(samples, draws, LATENT_SCALE, 0);
                        return new ReadAheadData(encoder == null ? latents.withTokens(kept) : latents.withImages(), 2);
                    })
                    .setTrain(rhythm)
                    .optFolder(run)
                    .optSetting("data", samples.identity()) // with another set or encoder this is another run
                    .optSetting("encoder", encoderFile == null ? "cached" : encoderFile.sha256());
            if (encoder != null) {
                training.optEncoder(encoder);
            }
            try (SiTTraining built = training.build()) {
                return built.run();
            }
        }
    }

    private static RepresentationEncoder open(EncoderFile file, Device device) throws IOException {
        ScriptTrust pin = ScriptTrust.pinned(file.sha256()); // ScriptTrust.trusted() runs whatever is there
        return Encoders.open(file.path(), Preprocessing.named("dinov2"), pin, device);
    }

    /** Class token as in REG, alignment as in REPA, and MaskAlign's mixer in front of the dropped tokens. */
    private static SiTConfig maskAlign(SiTVariant variant, SampleLayout layout, int classes, int encoderWidth) {
        return SiTConfig.of(
                        layout.side(),
                        variant.patchSize(),
                        layout.channels(),
                        variant.hiddenSize(),
                        variant.depth(),
                        variant.numHeads(),
                        classes)
                .withClassToken(encoderWidth)
                .withAlignment(variant.alignDepth(), 2048, List.of(encoderWidth))
                .withMixer(MixerConfig.PAPER)
                .withSubset(SubsetConfig.defaults());
    }
}
