package io.github.maskalign.examples;

import io.github.maskalign.core.config.ConfigKey.AlsoRead;
import io.github.maskalign.core.data.FeatureBasis;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.sit.run.internal.PrepareRun.TokenSource;
import io.github.maskalign.sit.run.internal.PreparedFeatures;
import io.github.maskalign.sit.run.internal.ScriptPin;
import java.nio.file.Files;
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

    @Option(
            names = "--encoder-blocks",
            paramLabel = "N",
            description = "Join the tokens of so many blocks, the last ones (REGLUE: 4); needs published weights.")
    int encoderBlocks = 1;

    @Option(names = "--features", description = "How tokens are kept. One of: ${COMPLETION-CANDIDATES}.")
    Features features = Features.FLOAT16;

    @Option(
            names = "--feature-channels",
            paramLabel = "N",
            description = {
                "Keep the tokens' first N principal components alone, for models that generate them beside the latent (ReDi: 8",
                "of dinov2reg-vit-b). The basis goes into the set."
            })
    @Nullable
    Integer featureChannels;

    @Option(
            names = "--feature-pictures",
            paramLabel = "N",
            description = "Pictures whose tokens make the basis, drawn from all classes; 76800 (ReDi's) unless given.")
    @Nullable
    Integer featurePictures;

    @Option(
            names = "--feature-basis",
            paramLabel = "FILE",
            description = {
                "Basis of another set, its features.safetensors, or a compressor of train-compressor (REGLUE: 16 channels), in",
                "place of a basis of these pictures."
            })
    @Nullable
    Path featureBasis;

    @Option(
            names = "--feature-tokens",
            description = {
                "Keep the last block's tokens behind the channels, for models that also align or have a class token",
                "(REGLUE)."
            })
    boolean featureTokens;

    /** Refuses options that would do nothing. */
    void check() {
        if (featureChannels == null && (featurePictures != null || featureBasis != null || featureTokens)) {
            throw CommandFailure.badInput(
                    "--feature-pictures, --feature-basis and --feature-tokens go with --feature-channels");
        }
        if (featureTokens && features == Features.INT8) {
            throw CommandFailure.badInput(
                    "--feature-tokens needs --features FLOAT16: INT8 has one scale for channels and"
                            + " tokens, which are of different sizes");
        }
        if (encoderBlocks < 1) {
            throw CommandFailure.badInput("--encoder-blocks must be at least 1 but was " + encoderBlocks);
        }
        if (featureChannels != null && encoder == null) {
            throw CommandFailure.badInput("--feature-channels goes with --encoder, whose tokens it reduces");
        }
        if (featurePictures != null && featureBasis != null) {
            throw CommandFailure.badInput(
                    "--feature-pictures makes a basis, and --feature-basis names one; give one of them");
        }
        if ((featureChannels != null && featureChannels < 1) || (featurePictures != null && featurePictures < 2)) {
            throw CommandFailure.badInput("--feature-channels must be at least 1 and --feature-pictures at least 2");
        }
        boolean encoderIsTold = encoderFile != null
                || encoderIsTorchScript
                || encoderSha256 != null
                || encoderHeads != 0
                || encoderBlocks != 1
                || grid != 0;
        if (encoder == null && encoderIsTold) {
            throw CommandFailure.badInput("--encoder-file, --encoder-torchscript, --encoder-sha256, --encoder-heads,"
                    + " --encoder-blocks and --grid go with --encoder");
        }
    }

    /** Refuses that several processes make a basis each: they may differ in their last bits. */
    void checkShared(int processes, Path out) {
        if (featureChannels != null
                && featureBasis == null
                && processes > 1
                && !Files.exists(out.resolve(FeatureBasis.FILE))) {
            throw CommandFailure.badInput("--feature-channels makes a basis, which " + processes
                    + " processes cannot do together: give them --feature-basis FILE, or start one process until "
                    + out.resolve(FeatureBasis.FILE) + " is there");
        }
    }

    /**
     * Returns the channels in which tokens are kept; null for all.
     *
     * @param repa whether the set is in REPA's layout, which has no room for a basis
     */
    PreparedFeatures.@Nullable Choice features(boolean repa) {
        if (featureChannels == null) {
            return null;
        }
        if (repa) {
            throw CommandFailure.badInput("--feature-channels needs --layout SHARDS: REPA's folders hold no features");
        }
        return new PreparedFeatures.Choice(
                featureChannels,
                featurePictures == null ? PreparedFeatures.PUBLISHED_PICTURES : featurePictures,
                featureBasis,
                featureTokens);
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
                encoder,
                encoderFile,
                encoderIsTorchScript,
                encoderHeads,
                grid == 0 ? side / 16 : grid,
                encoderBlocks,
                pin);
    }
}
