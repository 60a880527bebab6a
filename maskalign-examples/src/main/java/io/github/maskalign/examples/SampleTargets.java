package io.github.maskalign.examples;

import ai.djl.Device;
import io.github.maskalign.core.distributed.Agreement;
import io.github.maskalign.examples.CommandFailure.OutputFile;
import io.github.maskalign.sit.run.SamplingRun;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Where samples go: one grid, a folder of pictures, or a file of latents. */
final class SampleTargets {
    @Option(
            names = "--out",
            paramLabel = "FILE|DIR",
            description = {
                "PNG file for the grid; in the run folder, or samples.png, unless given.",
                "A name that does not end in .png is a folder for single pictures, as with --folder."
            })
    @Nullable
    private Path out;

    @Option(
            names = "--folder",
            paramLabel = "DIR",
            description = {
                "Write single pictures 000000.png, ... into this folder instead of a grid. The same command goes on where it",
                "stopped, with the same pictures; processes of mpirun, srun or torchrun share the work."
            })
    @Nullable
    private Path folder;

    @Option(
            names = "--npz",
            paramLabel = "FILE",
            description =
                    "With --folder: also write all pictures as arr_0 (N, H, W, 3), as ADM's evaluator reads them.")
    @Nullable
    private Path npz;

    @Option(
            names = "--latents",
            paramLabel = "FILE",
            description =
                    "Write the latents to this .safetensors file instead of a grid: latents (N, C, H, W), labels.")
    @Nullable
    private Path latents;

    /** Refuses what does not go together and names that cannot be files; to be called before any work. */
    void check() {
        if (out != null && folder == null && !isPng(out)) {
            folder = out;
            out = null;
        }
        if (npz != null && folder == null) {
            throw CommandFailure.badInput("--npz goes with --folder");
        }
        if (Stream.of(out, folder, latents).filter(Objects::nonNull).count() > 1) {
            throw CommandFailure.badInput("give one of --out, --folder and --latents");
        }
        Stream.of(out, npz, latents).forEach(OutputFile::refuseFolder);
    }

    private static boolean isPng(Path file) {
        return file.toString().toLowerCase(Locale.ROOT).endsWith(".png");
    }

    /** The folder for single pictures, or null. */
    @Nullable
    Path folder() {
        return folder;
    }

    /** Makes what was asked for as one of several ranks, and returns where it is. */
    Path draw(SamplingRun run, int scale, Device device, Agreement agreement) throws IOException {
        if (folder != null) {
            return run.folder(folder, npz, device, agreement);
        }
        return latents != null ? run.latents(latents, device, agreement) : run.grid(out, scale, device, agreement);
    }
}
