package io.github.maskalign.examples;

import io.github.maskalign.examples.autoencoder.AutoencoderConfig;
import io.github.maskalign.examples.autoencoder.AutoencoderRun;
import picocli.CommandLine.Command;

/** Trains the small autoencoder that is shipped for the emoji set. */
@Command(
        name = "train-autoencoder",
        description = {
            "Trains a small autoencoder between emoji of 64 pixels and latents, exports and measures it.",
            "The drawings of one artist are held out: how well they come back is measured."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  maskalign train-autoencoder configs/emoji-64-autoencoder.yaml",
            "  maskalign train-autoencoder configs/emoji-64-autoencoder.yaml --out runs/autoencoder --steps 2000"
        })
final class TrainAutoencoderCommand extends SmallModelCommand<AutoencoderConfig> {
    TrainAutoencoderCommand() {
        super(AutoencoderConfig.class, AutoencoderConfig::name, AutoencoderRun::new, "emoji-vae.safetensors");
    }
}
