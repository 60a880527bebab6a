package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.maskalign.core.files.internal.Digests;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A TorchScript file is a program: no command opens one without its hash, or the user's word. */
class TorchScriptTrustTest {
    private static final Path ENCODER =
            Path.of("../maskalign-encoders/src/main/resources/io/github/maskalign/encoders/emoji-vit.pt");
    private static final Path VAE = Path.of("../maskalign-encoders/src/test/resources/golden/vae/exported");
    private static final Path VAE_ENCODER = VAE.resolve("vae-encoder.pt");
    private static final Path VAE_DECODER = VAE.resolve("vae-decoder.pt");
    private static final String BOTH = VAE_ENCODER + "," + VAE_DECODER;
    private static final String OTHER = "0".repeat(64);

    @TempDir
    Path folder;

    private final CommandRun command = new CommandRun();

    @BeforeEach
    void pictures() throws IOException {
        Path set = Files.createDirectories(folder.resolve("pictures/class"));
        Random random = new Random(20261129);
        for (int i = 0; i < 4; i++) {
            BufferedImage picture = new BufferedImage(32, 32, BufferedImage.TYPE_INT_RGB);
            for (int at = 0; at < 32 * 32; at++) {
                picture.setRGB(at % 32, at / 32, random.nextInt(1 << 24));
            }
            ImageIO.write(picture, "png", set.resolve(i + ".png").toFile());
        }
    }

    @Test
    void prepareNeedsHashesOrTrustForTheAutoencoder() throws IOException {
        String hashes = Digests.sha256(VAE_ENCODER) + "," + Digests.sha256(VAE_DECODER);
        String swapped = Digests.sha256(VAE_DECODER) + "," + Digests.sha256(VAE_ENCODER);

        refused(
                prepare("none"),
                VAE_ENCODER + " and " + VAE_DECODER + ": TorchScript is a program",
                "--vae-sha256 " + hashes + ", or let run whatever is there with --trust");
        refused(prepare("swapped", "--vae-sha256", swapped), VAE_ENCODER + ": must have the SHA-256 ");
        refused(prepare("swapped", "--vae-sha256", swapped, "--trust"), VAE_ENCODER + ": must have the SHA-256 ");
        refused(prepare("one", "--vae-sha256", OTHER), "--vae-sha256 must be two hashes");
        refused(prepare("short", "--vae-sha256", "a,b"), "sha256 must be 64 hexadecimal digits but was 'a'");
        assertThat(command.run(prepare("pinned", "--vae-sha256", hashes)))
                .as(command.err())
                .isZero();
        assertThat(command.run(prepare("trusted", "--trust"))).as(command.err()).isZero();
    }

    @Test
    void prepareNeedsAHashOrTrustForTheEncoder() throws IOException {
        String vae = Digests.sha256(VAE_ENCODER) + "," + Digests.sha256(VAE_DECODER);
        List<Object> encoder = List.of(
                "--vae-sha256",
                vae,
                "--encoder",
                "emoji-vit",
                "--encoder-torchscript",
                "--encoder-file",
                ENCODER,
                "--grid",
                8);

        refused(
                prepare("none", encoder.toArray()),
                ENCODER + ": TorchScript is a program",
                "--encoder-sha256 " + Digests.sha256(ENCODER) + ", or let run whatever is there with --trust");
        refused(
                prepare("other", with(encoder, "--encoder-sha256", OTHER)),
                ENCODER + ": must have the SHA-256 " + OTHER);
        assertThat(command.run(prepare("pinned", with(encoder, "--encoder-sha256", Digests.sha256(ENCODER)))))
                .as(command.err())
                .isZero();
        assertThat(command.run(prepare("trusted", with(encoder, "--trust"))))
                .as(command.err())
                .isZero();
    }

    @Test
    void evaluateNeedsAHashOrTrust() throws IOException {
        List<Object> encoder = List.of("--encoder", ENCODER, "--preprocessing", "emoji-vit", "--metrics", "fid");
        String hash = Digests.sha256(ENCODER);
        String both = "--sha256 " + hash + ", or let run whatever is there with --trust";

        refused(evaluate(encoder.toArray()), ENCODER + ": TorchScript is a program", both);
        refused(evaluate("--inception", ENCODER), ENCODER + ": TorchScript is a program", both);
        refused(evaluate(with(encoder, "--sha256", OTHER)), ENCODER + ": must have the SHA-256 " + OTHER);
        refused(evaluate("--inception", ENCODER, "--sha256", OTHER), ENCODER + ": must have the SHA-256 " + OTHER);
        assertThat(command.run(evaluate(with(encoder, "--sha256", hash))))
                .as(command.err())
                .isZero();
        assertThat(command.run(evaluate(with(encoder, "--trust"))))
                .as(command.err())
                .isZero();
    }

    @Test
    void benchNeedsAHashOrTrust() throws IOException {
        assertThat(command.workbench("bench-part", "ENCODER", "--file", ENCODER))
                .isEqualTo(2);
        assertThat(command.err())
                .contains("--sha256 " + Digests.sha256(ENCODER) + ", or let run whatever is there with --trust");
    }

    @Test
    void dryRunTellsTheHashToWrite() throws IOException {
        Object[] train = {
            "train",
            "../configs/imagenet-sit-b-2.yaml",
            "--dry-run",
            "--set",
            "encoder.path=" + ENCODER,
            "--set",
            "evaluate.every=1",
            "--set",
            "data.vae=" + VAE
        };

        refused(
                train,
                "encoder.sha256: " + Digests.sha256(ENCODER),
                "or let run whatever is there with encoder.trust: true");
        refused(with(List.of(train), "--set", "encoder.sha256=" + OTHER), ENCODER + ": must have the SHA-256 " + OTHER);
        refused(
                with(List.of(train), "--set", "encoder.trust=true", "--set", "evaluate.inception=" + ENCODER),
                "evaluate.sha256: " + Digests.sha256(ENCODER),
                "or let run whatever is there with evaluate.trust: true");
        assertThat(command.run(with(
                        List.of(train),
                        "--set",
                        "encoder.sha256=" + Digests.sha256(ENCODER),
                        "--set",
                        "evaluate.inception=" + ENCODER,
                        "--set",
                        "evaluate.trust=true")))
                .as(command.err())
                .isZero();
    }

    private Object[] prepare(String out, Object... more) {
        List<Object> arguments = new ArrayList<>(List.of("prepare", folder.resolve("pictures")));
        Collections.addAll(arguments, "--out", folder.resolve(out), "--size", 32, "--vae-torchscript", BOTH);
        return with(arguments, more);
    }

    private Object[] evaluate(Object... more) {
        Path pictures = folder.resolve("pictures");
        return with(List.of("evaluate", "--reference", pictures, "--samples", pictures), more);
    }

    private static Object[] with(List<?> arguments, Object... more) {
        List<Object> all = new ArrayList<>(arguments);
        Collections.addAll(all, more);
        return all.toArray();
    }

    private void refused(Object[] arguments, String... messages) {
        assertThat(command.run(arguments)).as(command.err()).isEqualTo(2);
        assertThat(command.err()).contains("error: ").contains(messages).doesNotContain("\tat ");
    }
}
