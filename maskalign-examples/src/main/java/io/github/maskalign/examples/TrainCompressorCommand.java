package io.github.maskalign.examples;

import io.github.maskalign.examples.compressor.CompressorConfig;
import io.github.maskalign.examples.compressor.CompressorRun;
import picocli.CommandLine.Command;

/** Trains the network that makes few channels of an encoder's tokens. */
@Command(
        name = "train-compressor",
        description = {
            "Trains a small network that makes few channels of an encoder's tokens, for models that generate them beside the",
            "latent (REGLUE), exports and measures it. The tokens are a prepared set's, or the embedded teacher's of emoji."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign train-compressor configs/emoji-32-compressor.yaml",
            "  maskalign train-compressor configs/imagenet-compressor.yaml --set path=data/tokens --set device=gpu",
            "  maskalign train configs/emoji-32.yaml --method reglue"
                    + " --set terms.features.reduction=runs/emoji-32-compressor/compressor.safetensors"
        })
final class TrainCompressorCommand extends SmallModelCommand<CompressorConfig> {
    TrainCompressorCommand() {
        super(CompressorConfig.class, CompressorConfig::name, CompressorRun::new, "compressor.safetensors");
    }
}
