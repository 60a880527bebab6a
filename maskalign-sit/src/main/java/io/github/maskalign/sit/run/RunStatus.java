package io.github.maskalign.sit.run;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.maskalign.core.files.internal.CheckpointDir;
import io.github.maskalign.core.files.internal.RunLock;
import io.github.maskalign.sit.run.internal.RunFacts;
import io.github.maskalign.sit.run.internal.StatsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The state of a run, read from its folder without disturbing it.
 *
 * @param folder the folder
 * @param name name of the experiment; of a run that a program made that of its folder
 * @param phase what it is doing
 * @param owner who has the folder, if anybody
 * @param step last step that is recorded or saved; 0 before the first
 * @param steps steps of the whole run
 * @param pace how fast it goes
 * @param values last recorded losses, norms, counts, memory and scores, by name
 * @param checkpoints saved states, oldest first
 */
public record RunStatus(
        Path folder,
        String name,
        Phase phase,
        @Nullable String owner,
        long step,
        long steps,
        Pace pace,
        Map<String, Double> values,
        List<SavedState> checkpoints) {
    private static final Pattern PROCESS = Pattern.compile("process (\\d+) .*");
    private static final int RECENT = 20;

    /**
     * How fast a run goes.
     *
     * @param imagesPerSecond over the last records; NaN before there are any
     * @param secondsLeft what the rest takes at that rate; NaN if there is none
     * @param secondsSinceRecord age of the last record; NaN before there is one
     */
    public record Pace(double imagesPerSecond, double secondsLeft, double secondsSinceRecord) {}

    /** What a run is doing. */
    public enum Phase {
        /** A process has the folder. */
        RUNNING,
        /** All steps are done. */
        COMPLETED,
        /** No process has the folder; the same command goes on with the run. */
        STOPPED
    }

    /**
     * A saved state.
     *
     * @param step its step
     * @param bytes size of its files
     * @param problem why it cannot be used; null if all checksums of its manifest are right
     */
    public record SavedState(
            long step, long bytes, @Nullable String problem) {}

    /** Copies the collections. */
    public RunStatus {
        values = new TreeMap<>(values);
        checkpoints = List.copyOf(checkpoints);
    }

    /**
     * Reads a run folder.
     *
     * @param verify whether all checkpoint files are read and compared with their checksums
     * @throws NoSuchFileException if the folder holds no run
     */
    public static RunStatus read(Path folder, boolean verify) throws IOException {
        RunFacts run = RunFacts.read(folder);
        StatsFile.Recent records = StatsFile.Recent.read(folder.resolve("stats.jsonl"), RECENT);
        List<SavedState> states = checkpoints(folder.resolve("checkpoints"), verify);
        String owner = RunLock.ownerOf(folder);
        long steps = run.steps();
        long step = states.stream()
                .filter(state -> state.problem() == null)
                .mapToLong(SavedState::step)
                .reduce(records.step(), Math::max); // not every step is recorded
        Phase phase = isAlive(owner) ? Phase.RUNNING : step >= steps ? Phase.COMPLETED : Phase.STOPPED;
        return new RunStatus(
                folder,
                run.name(),
                phase,
                phase == Phase.RUNNING ? owner : null,
                step,
                steps,
                new Pace(
                        run.batch() / records.medianSeconds(),
                        (steps - step) * records.medianSeconds(),
                        Instant.now().toEpochMilli() * 1e-3 - records.time()),
                records.last(),
                states);
    }

    private static boolean isAlive(@Nullable String owner) {
        Matcher process = PROCESS.matcher(owner == null ? "" : owner);
        return process.matches()
                && ProcessHandle.of(Long.parseLong(process.group(1)))
                        .filter(ProcessHandle::isAlive)
                        .isPresent();
    }

    private static List<SavedState> checkpoints(Path folder, boolean verify) throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        CheckpointDir saved = CheckpointDir.openReadOnly(folder);
        while (true) {
            List<Long> steps = saved.steps();
            List<SavedState> out = new ArrayList<>();
            for (long step : steps) {
                SavedState state = state(saved, folder, step, verify);
                if (state.problem() == null && state.bytes() > 0
                        || saved.steps().contains(step)) {
                    out.add(state);
                } // else the run has deleted it meanwhile
            }
            if (!out.isEmpty() || steps.isEmpty()) {
                return out;
            }
        }
    }

    private static SavedState state(CheckpointDir saved, Path folder, long step, boolean verify) throws IOException {
        Path state = folder.resolve(String.format(Locale.ROOT, "state-%07d", step));
        String problem = null;
        if (verify) {
            try {
                state = saved.load(step).folder();
            } catch (IOException e) {
                problem = String.valueOf(e.getMessage());
            }
        }
        return new SavedState(step, bytes(state), problem);
    }

    private static long bytes(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.mapToLong(file -> file.toFile().length()).sum();
        } catch (NoSuchFileException e) {
            return 0; // just now replaced by a newer one
        }
    }

    /** Returns it as JSON. */
    public JsonObject toJson() {
        JsonObject out = new JsonObject();
        out.addProperty("folder", folder.toString());
        out.addProperty("name", name);
        out.addProperty("phase", phase.name());
        out.addProperty("owner", owner);
        out.addProperty("step", step);
        out.addProperty("steps", steps);
        finite(out, "images_per_second", pace.imagesPerSecond);
        finite(out, "seconds_since_record", pace.secondsSinceRecord);
        finite(out, "seconds_left", pace.secondsLeft);
        JsonObject last = new JsonObject();
        values.forEach((key, value) -> finite(last, key, value));
        out.add("last", last);
        JsonArray states = new JsonArray();
        for (SavedState state : checkpoints) {
            JsonObject entry = new JsonObject();
            entry.addProperty("step", state.step());
            entry.addProperty("bytes", state.bytes());
            entry.addProperty("problem", state.problem());
            states.add(entry);
        }
        out.add("checkpoints", states);
        return out;
    }

    private static void finite(JsonObject out, String key, double value) {
        if (Double.isFinite(value)) {
            out.addProperty(key, value);
        } else {
            out.addProperty(key, Double.isNaN(value) ? null : Double.toString(value));
        }
    }

    /** Returns it as a few lines for a person. */
    public String toText() {
        StringBuilder text = new StringBuilder();
        text.append(String.format(
                Locale.ROOT,
                "%s (%s): %s%s%n",
                folder,
                name,
                phase.name().toLowerCase(Locale.ROOT),
                owner == null ? "" : ", " + owner));
        text.append(
                String.format(Locale.ROOT, "  step        %,d of %,d (%.1f %%)", step, steps, 100.0 * step / steps));
        if (Double.isFinite(pace.secondsSinceRecord)) {
            text.append(", recorded ").append(duration(pace.secondsSinceRecord)).append(" ago");
        }
        if (Double.isFinite(pace.imagesPerSecond)) {
            text.append(String.format(Locale.ROOT, "%n  rate        %.3g images/s", pace.imagesPerSecond));
            if (phase != Phase.COMPLETED) {
                text.append(", ").append(duration(pace.secondsLeft)).append(" left");
            }
        }
        values.forEach((key, value) -> {
            if (key.startsWith("loss")
                    || key.equals("grad_norm")
                    || key.equals("skipped")
                    || key.startsWith("eval/")
                    || key.startsWith("memory")) {
                text.append(String.format(Locale.ROOT, "%n  %-18s %.5g", key, value));
            }
        });
        for (SavedState state : checkpoints) {
            text.append(String.format(
                    Locale.ROOT,
                    "%n  checkpoint  step %,d, %.1f MB%s",
                    state.step(),
                    state.bytes() * 1e-6,
                    state.problem() == null ? "" : ": CANNOT BE USED: " + state.problem()));
        }
        return text.toString();
    }

    private static String duration(double seconds) {
        Duration time = Duration.ofSeconds((long) seconds);
        long days = time.toDays();
        String clock = String.format(
                Locale.ROOT, "%d:%02d:%02d", time.toHoursPart(), time.toMinutesPart(), time.toSecondsPart());
        return days == 0 ? clock : days + (days == 1 ? " day " : " days ") + clock;
    }
}
