package io.github.maskalign.examples;

import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.ConfigOptions.CacheFolder;
import io.github.maskalign.examples.Main.UsesEngine;
import io.github.maskalign.examples.emoji.EmojiConfig;
import io.github.maskalign.examples.emoji.EmojiSet;
import io.github.maskalign.examples.prepare.MiniIlsvrc;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Draws a miniature of ImageNet's archive. */
@Command(
        name = "mini-ilsvrc",
        description = {
            "Draws a miniature of ImageNet's training archive from emoji, with CMYK, grey, turned, mislabelled and broken",
            "files, and writes a small random autoencoder and a small random DINOv2 to try prepare with."
        },
        footerHeading = "%nExamples:%n",
        footer = "  workbench mini-ilsvrc data/mini --per-class 12")
final class MiniIlsvrcCommand implements Callable<Integer>, UsesEngine {
    @Parameters(
            paramLabel = "DIR",
            description = "Folder for archive, vae/ and dinov2.safetensors.",
            showDefaultValue = Visibility.NEVER)
    Path out = Path.of("");

    @Option(names = "--per-class", paramLabel = "N", description = "Pictures of each class.")
    int perClass = 12;

    @Option(names = "--set", paramLabel = "NAME", description = "Whose drawings.")
    String set = "fxemoji";

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        CommandFailure.requireAtLeast(1, "--per-class", perClass);
        EmojiSet emoji = EmojiSet.open(
                new EmojiConfig(List.of(set), 256, false, false), CacheFolder.path(), (done, total) -> {});
        MiniIlsvrc.write(emoji, perClass, out);
        PrintWriter console = spec.commandLine().getOut();
        console.println(out.resolve(MiniIlsvrc.ARCHIVE));
        console.flush();
        return ExitCode.OK;
    }
}
