package io.github.maskalign.examples;

import ai.djl.Device;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.encoders.vae.Autoencoder;
import io.github.maskalign.encoders.vae.NativeAutoencoder;
import io.github.maskalign.encoders.vae.TorchScriptAutoencoder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Option;

/** Which autoencoder: shared by the commands that encode or decode. */
final class AutoencoderOptions {
    @Option(
            names = "--vae",
            paramLabel = "DIR|FILE",
            description = "Autoencoder as diffusers publishes it: a folder with config.json, or its weights.")
    @Nullable
    Path vae;

    @Option(
            names = "--vae-torchscript",
            paramLabel = "ENCODER,DECODER",
            split = ",",
            description =
                    "Autoencoder in two TorchScript files. A TorchScript file is a program; trust where it is from.",
            showDefaultValue = Visibility.NEVER)
    List<Path> torchScript = List.of();

    boolean isGiven() {
        return vae != null || !torchScript.isEmpty();
    }

    /** What was named, for provenance. */
    @Override
    public String toString() {
        return vae != null ? vae.toString() : torchScript.toString();
    }

    Autoencoder open(Device device, Precision precision) throws IOException {
        if ((vae == null) == torchScript.isEmpty()) {
            throw CommandFailure.badInput("give one of --vae and --vae-torchscript");
        }
        if (vae != null) {
            return NativeAutoencoder.open(vae, device, precision);
        }
        if (torchScript.size() != 2) {
            throw CommandFailure.badInput("--vae-torchscript must name encoder and decoder, separated by a comma");
        }
        return TorchScriptAutoencoder.open(torchScript.get(0), null, torchScript.get(1), null, device);
    }
}
