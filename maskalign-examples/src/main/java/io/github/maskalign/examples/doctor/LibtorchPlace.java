package io.github.maskalign.examples.doctor;

import ai.djl.util.Utils;
import io.github.maskalign.examples.doctor.Diagnosis.Check;
import io.github.maskalign.examples.natives.EngineNatives;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Where DJL looks for libtorch: in the folder that is named, on the class path, in its cache, on the net, in this order.
 *
 * @param named folders or files that the user has named in {@code PYTORCH_LIBRARY_PATH}, as the system separates paths
 * @param flavour what the user has set as {@code PYTORCH_FLAVOR}
 * @param cache folder of the unpacked libraries of PyTorch
 * @param offline whether DJL may not download
 */
record LibtorchPlace(Optional<String> named, Optional<String> flavour, Path cache, boolean offline) {
    private static final String NAME = "libtorch is there";
    private static final String LIBRARY = System.mapLibraryName("torch");
    private static final String REMEDY =
            "have exactly one pytorch-native jar with a platform classifier on the class path; "
                    + "build with MASKALIGN_PROFILE=cpu or cuda";

    static LibtorchPlace read() {
        return new LibtorchPlace(
                EngineNatives.named(),
                Optional.ofNullable(Utils.getEnvOrSystemProperty("PYTORCH_FLAVOR"))
                        .filter(flavour -> !flavour.isEmpty()),
                Utils.getEngineCacheDir("pytorch"),
                Utils.isOfflineMode());
    }

    /**
     * Checks what the engine would load.
     *
     * @param natives what is on the class path, as {@code <PyTorch> <flavour> <platform>}
     * @param pytorch PyTorch versions that the engine was made for
     */
    Check check(List<String> natives, List<String> pytorch) {
        if (named.isEmpty()) {
            return natives.isEmpty() ? unpackedBefore(pytorch) : onClassPath(natives, pytorch);
        }
        Optional<Path> folder = namedFolder(named.get());
        if (folder.isPresent()) {
            return Check.ok(NAME, folder.get() + ", as PYTORCH_LIBRARY_PATH says");
        }
        Check rest = natives.isEmpty() ? unpackedBefore(pytorch) : onClassPath(natives, pytorch);
        String missing = "PYTORCH_LIBRARY_PATH is " + named.get() + ", where there is no " + LIBRARY;
        return rest.result() == Check.Result.OK
                ? Check.warning(
                        NAME, missing + "; the engine takes " + rest.detail(), "unset it, or name the right folder")
                : Check.failed(NAME, missing, "name the folder that has it, or unset it");
    }

    private static Optional<Path> namedFolder(String paths) {
        return Arrays.stream(paths.split(File.pathSeparator))
                .filter(path -> !path.isEmpty())
                .map(Path::of)
                .map(path -> path.endsWith(LIBRARY) ? path.toAbsolutePath().getParent() : path)
                .filter(path -> path != null && Files.isRegularFile(path.resolve(LIBRARY)))
                .findFirst();
    }

    private static Check onClassPath(List<String> natives, List<String> pytorch) {
        boolean fits = natives.size() == 1
                && pytorch.size() == 1
                && natives.get(0).matches("\\Q" + pytorch.get(0) + "\\E(-\\d+)? .*");
        return fits
                ? Check.ok(NAME, natives.get(0))
                : Check.failed(
                        NAME,
                        "found " + DjlVersions.text(natives) + " for PyTorch " + DjlVersions.text(pytorch),
                        REMEDY);
    }

    /** Without a jar DJL takes what lies in its cache, and else downloads. */
    private Check unpackedBefore(List<String> pytorch) {
        if (pytorch.size() != 1) {
            return Check.failed(NAME, "no pytorch-native jar on the class path", REMEDY);
        }
        String prefix = pytorch.get(0) + "-" + flavour.map(name -> name + "-").orElse("");
        try (Stream<Path> folders = Files.isDirectory(cache) ? Files.list(cache) : Stream.empty()) {
            Optional<Path> found = folders.filter(
                            folder -> folder.getFileName().toString().startsWith(prefix))
                    .filter(folder -> Files.isRegularFile(folder.resolve(LIBRARY)))
                    .sorted()
                    .findFirst();
            if (found.isPresent()) {
                return Check.ok(NAME, found.get() + ", unpacked before; no pytorch-native jar on the class path");
            }
        } catch (IOException e) {
            return Check.failed(NAME, cache + " cannot be read: " + e, REMEDY);
        }
        return offline
                ? Check.failed(NAME, "no pytorch-native jar on the class path, and nothing in " + cache, REMEDY)
                : Check.warning(
                        NAME,
                        "no pytorch-native jar on the class path, and nothing in " + cache + ": DJL downloads it",
                        REMEDY);
    }
}
