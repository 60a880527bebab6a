package io.github.maskalign.examples;

import io.github.maskalign.core.config.ConfigKey.AlsoRead;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.sit.run.internal.PrepareRun.TokenSource;
import io.github.maskalign.sit.run.internal.ScriptPin;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which encoder's tokens are kept, and how. */
final class TokenOptions {
    /** How encoder tokens are stored. */
    enum Features {
        /** 16 bits. */
        @AlsoRead("F16")
        FLOAT16,
        /** 8 bits and a scale for each token. */
        INT8
    }

    @Option(
            names = "--encoder",
            paramLabel = "NAME",
            description = "Keep the tokens of this encoder, such as dinov2-vit-b; training then needs no encoder.")
    @Nullable
    String encoder;

    @Option(
            names = "--encoder-file",
            paramLabel = "FILE",
            description = "Its published weights, or a TorchScript file.")
    @Nullable
    Path encoderFile;

    @Option(
            names = "--encoder-torchscript",
            description = "The file is TorchScript, and NAME its preprocessing: dinov2, clip or imagenet.")
    boolean encoderIsTorchScript;

    @Option(
            names = "--encoder-sha256",
            paramLabel = "HEX",
            description = "Hash that the encoder's file must have. TorchScript is a program and needs it, or --trust.")
    @Nullable
    String encoderSha256;

    @Option(
            names = "--encoder-heads",
            paramLabel = "N",
            description = "Attention heads, where the size is no published one.")
    int encoderHeads = 0;

    @Option(
            names = "--grid",
            paramLabel = "N",
            description = "Tokens along a side; a sixteenth of the size unless given.")
    int grid = 0;

    @Option(names = "--features", description = "How tokens are kept. One of: ${COMPLETION-CANDIDATES}.")
    Features features = Features.FLOAT16;

    /** Refuses options that would do nothing. */
    void check() {
        boolean encoderIsTold =
                encoderFile != null || encoderIsTorchScript || encoderSha256 != null || encoderHeads != 0 || grid != 0;
        if (encoder == null && encoderIsTold) {
            throw CommandFailure.badInput("--encoder-file, --encoder-torchscript, --encoder-sha256, --encoder-heads and"
                    + " --grid go with --encoder");
        }
    }

    FloatCode code() {
        return features == Features.FLOAT16 ? FloatCode.FLOAT16 : FloatCode.INT8_PER_ROW;
    }

    /**
     * Returns what was named, or null.
     *
     * @param side side of the pictures in pixels
     * @param trust whether a TorchScript file may run without a hash
     */
    @Nullable
    TokenSource source(int side, boolean trust) {
        if (encoder == null) {
            return null;
        }
        if (encoderFile == null) {
            throw CommandFailure.badInput("--encoder needs --encoder-file");
        }
        ScriptPin pin = new ScriptPin(encoderSha256, trust, "--encoder-sha256 ", "--trust");
        return new TokenSource(
                encoder, encoderFile, encoderIsTorchScript, encoderHeads, grid == 0 ? side / 16 : grid, pin);
    }
}
