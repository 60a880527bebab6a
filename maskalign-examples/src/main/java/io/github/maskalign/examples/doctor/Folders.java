package io.github.maskalign.examples.doctor;

import ai.djl.util.Utils;
import io.github.maskalign.examples.doctor.Diagnosis.Check;
import io.github.maskalign.examples.doctor.Diagnosis.Section;
import io.github.maskalign.examples.doctor.Machine.Sizes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The folders that get written: DJL unpacks its libraries into a cache, runs go to the working folder.
 *
 * @param working where the command was started
 */
record Folders(Path working) {
    /** A checkpoint of SiT-B/2 with its optimiser state takes 2.1 GB. */
    private static final long ENOUGH_FOR_RUNS = 5L << 30;

    private static final long ENOUGH_FOR_CACHE = 1L << 30;

    Section section() {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("working folder", describe(working.toAbsolutePath()));
        facts.put("engine cache", describe(Utils.getEngineCacheDir()));
        return new Section("folders", facts);
    }

    List<Check> checks() {
        List<Check> checks = new ArrayList<>();
        checks.add(check(
                "room for runs",
                working.toAbsolutePath(),
                ENOUGH_FOR_RUNS,
                "free some space, or train with --out DIR"));
        checks.add(check(
                "room for the engine",
                Utils.getEngineCacheDir(),
                ENOUGH_FOR_CACHE,
                "free some space, or set DJL_CACHE_DIR to another folder"));
        return checks;
    }

    private static Check check(String name, Path folder, long enough, String remedy) {
        Path existing = existing(folder);
        if (!Files.isWritable(existing)) {
            return Check.warning(name, existing + " is not writable", remedy.replace("free some space", "allow it"));
        }
        try {
            long free = Files.getFileStore(existing).getUsableSpace();
            String detail = Sizes.text(free) + " free";
            return free >= enough
                    ? Check.ok(name, detail)
                    : Check.warning(name, detail + ", less than " + Sizes.text(enough), remedy);
        } catch (IOException e) {
            return Check.warning(name, e.toString(), remedy);
        }
    }

    private static String describe(Path folder) {
        try {
            return folder + ", "
                    + Sizes.text(Files.getFileStore(existing(folder)).getUsableSpace()) + " free";
        } catch (IOException e) {
            return folder + ", " + e;
        }
    }

    /** The folder itself or, if it is not there yet, the one it would be made in. */
    private static Path existing(Path folder) {
        Path path = folder.toAbsolutePath();
        while (!Files.exists(path) && path.getParent() != null) {
            path = path.getParent();
        }
        return path;
    }
}
