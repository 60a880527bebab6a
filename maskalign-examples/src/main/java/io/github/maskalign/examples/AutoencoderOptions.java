package io.github.maskalign.examples;

import ai.djl.Device;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.script.ScriptTrust;
import io.github.maskalign.encoders.vae.Autoencoder;
import io.github.maskalign.encoders.vae.TorchScriptAutoencoder;
import io.github.maskalign.sit.run.internal.SampleSettings.AutoencoderChoice;
import io.github.maskalign.sit.run.internal.ScriptPin;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Which autoencoder: shared by the commands that encode or decode. */
final class AutoencoderOptions {
    @Option(
            names = "--vae",
            paramLabel = "DIR|FILE",
            description =
                    "Autoencoder as diffusers publishes it: a folder with config.json, or its weights; embedded for the"
                            + " library's own of emoji; none where the latents are pixels.")
    @Nullable
    Path vae;

    @Option(
            names = "--vae-torchscript",
            paramLabel = "ENCODER,DECODER",
            split = ",",
            description = "Autoencoder in two TorchScript files, which are programs: with --vae-sha256 or --trust.",
            showDefaultValue = Visibility.NEVER)
    List<Path> torchScript = List.of();

    @Option(
            names = "--vae-sha256",
            paramLabel = "HEX,HEX",
            split = ",",
            description = "Hashes that the two files must have.",
            showDefaultValue = Visibility.NEVER)
    List<String> sha256 = List.of();

    @Option(
            names = "--trust",
            description = "Run TorchScript files without a hash, whatever they do; the log says the hashes to give.")
    boolean trust;

    boolean isGiven() {
        return vae != null || !torchScript.isEmpty();
    }

    /** What was named, for provenance. */
    @Override
    public String toString() {
        return vae != null ? vae.toString() : torchScript.toString();
    }

    /** Returns what was named, or null. */
    @Nullable
    AutoencoderChoice choice() {
        return isGiven() ? new AutoencoderChoice(toString(), this::open) : null;
    }

    private ScriptTrust trust(int index) throws IOException {
        if (sha256.isEmpty() && !trust) {
            throw ScriptPin.refusal(torchScript, "--vae-sha256 ", "--trust");
        }
        if (!sha256.isEmpty() && sha256.size() != 2) {
            throw CommandFailure.badInput("--vae-sha256 must be two hashes, separated by a comma, but was " + sha256);
        }
        return sha256.isEmpty() ? ScriptTrust.trusted() : ScriptTrust.pinned(sha256.get(index));
    }

    Autoencoder open(Device device, Precision precision) throws IOException {
        if ((vae == null) == torchScript.isEmpty()) {
            throw CommandFailure.badInput("give one of --vae and --vae-torchscript");
        }
        if (vae != null && vae.toString().equals(AutoencoderChoice.EMBEDDED.name())) {
            return AutoencoderChoice.EMBEDDED.opening().open(device, precision);
        }
        if (vae != null) {
            if (!sha256.isEmpty()) {
                throw CommandFailure.badInput("--vae-sha256 goes with --vae-torchscript");
            }
            return AutoencoderChoice.of(vae).opening().open(device, precision);
        }
        if (torchScript.size() != 2) {
            throw CommandFailure.badInput("--vae-torchscript must name encoder and decoder, separated by a comma");
        }
        return TorchScriptAutoencoder.open(torchScript.get(0), trust(0), torchScript.get(1), trust(1), device);
    }

    /** How latents become pictures. */
    static final class Decoding {
        @Mixin
        AutoencoderOptions autoencoder = new AutoencoderOptions();

        @Option(
                names = "--pixels",
                paramLabel = "RULE",
                description = {
                    "How values become bytes: ROUND (the nearest level) or TRUNCATE. Unless given, that of the run; for files",
                    "ROUND where pixels are the latents, otherwise that of the weights' project: SiT and ReDi round, REPA, REG and",
                    "their relatives truncate."
                })
        @Nullable
        PixelScaling pixels;

        @Option(names = "--decode-batch", paramLabel = "N", description = "Pictures decoded at a time.")
        int batch = 4;

        @Option(names = "--tile", paramLabel = "N", description = "Larger latents are decoded in tiles of this side.")
        int tile = 64;
    }
}
