package io.github.maskalign.examples;

import ai.djl.Device;
import io.github.maskalign.encoders.inception.InceptionExtractor.InceptionSuite;
import io.github.maskalign.sit.run.internal.ExtractorChoice;
import io.github.maskalign.sit.run.internal.ScriptPin;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options that say whose features are compared, and where they are computed. */
final class FeatureOptions {
    @Option(
            names = "--inception",
            paramLabel = "FILE",
            description = "Weights of the 2015 Inception network: pytorch-fid's .pth, or .safetensors made by"
                    + " scripts/convert_inception.py. A .pt file is run as TorchScript, with --sha256 or --trust.")
    @Nullable
    Path inception;

    @Option(
            names = "--encoder",
            paramLabel = "NAME",
            description =
                    "In place of Inception: 'embedded' (the teacher), 'judge' (which no model aligns with), or the file of"
                            + " an encoder. Its distances are not FID.")
    @Nullable
    String encoder;

    @Option(
            names = "--encoder-model",
            paramLabel = "NAME",
            description = "What published weights --encoder names, such as dinov2-vit-b; unless given, the file is run"
                    + " as TorchScript, with --sha256 or --trust.")
    @Nullable
    String encoderModel;

    @Option(names = "--preprocessing", paramLabel = "NAME", description = "How a TorchScript encoder wants pictures.")
    String preprocessing = "dinov2";

    @Option(names = "--sha256", paramLabel = "HEX", description = "Hash that the file of the network must have.")
    @Nullable
    String sha256;

    @Option(
            names = "--trust",
            description = "Run a TorchScript file without a hash, whatever it does; the log says the hash to give.")
    boolean trust;

    @Option(names = "--suite", paramLabel = "NAME", description = "Resize before Inception: adm or pytorch-fid.")
    String suite = "adm";

    @Mixin
    DeviceOption where = new DeviceOption();

    ExtractorChoice choice() {
        return new ExtractorChoice(
                inception,
                InceptionSuite.named(suite),
                encoder,
                encoderModel,
                preprocessing,
                ScriptPin.ofOptions(sha256, trust));
    }

    Device device() {
        return where.choose();
    }
}
