package io.github.maskalign.sit.run;

import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.sit.run.internal.Png;
import io.github.maskalign.sit.run.internal.ReportCharts;
import io.github.maskalign.sit.run.internal.ReportPage;
import io.github.maskalign.sit.run.internal.ReportedRun;
import io.github.maskalign.sit.run.internal.ScoreFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Training runs, finished or going on: read once, and written as a page that needs no other file, or as charts. */
public final class RunReport {
    private final List<ReportedRun> runs;
    private final List<ScoreFile> scores;

    private RunReport(List<ReportedRun> runs, List<ScoreFile> scores) {
        this.runs = List.copyOf(runs);
        this.scores = List.copyOf(scores);
    }

    /**
     * Reads runs, finished or going on.
     *
     * @param folders run folders, at least one
     * @param evaluations results of {@code evaluate --out} that lie elsewhere
     * @param grids most sample grids of each run, at least 0
     * @throws IOException if a folder holds no run or a file is no result; names it
     */
    public static RunReport read(List<Path> folders, List<Path> evaluations, int grids) throws IOException {
        if (folders.isEmpty()) {
            throw new IllegalArgumentException("a report must be of at least one run");
        }
        List<ReportedRun> runs = new ArrayList<>();
        Set<String> labels = new HashSet<>();
        for (Path folder : folders) {
            String name = String.valueOf(folder.toAbsolutePath().normalize().getFileName());
            String label = name;
            for (int i = 2; !labels.add(label); i++) {
                label = name + " (" + i + ")";
            }
            runs.add(ReportedRun.read(folder, label, grids));
        }
        List<ScoreFile> scores = new ArrayList<>();
        for (Path file : evaluations) {
            scores.add(ScoreFile.read(file));
        }
        return new RunReport(runs, scores);
    }

    /**
     * Writes the page in one step.
     *
     * @param title headline; null for the names of the runs
     * @param made the time it states
     */
    public void writePage(Path file, @Nullable String title, Instant made) throws IOException {
        String headline = title != null
                ? title
                : String.join(", ", runs.stream().map(ReportedRun::label).toList());
        Path folder = file.toAbsolutePath().getParent();
        if (folder != null) {
            Files.createDirectories(folder);
        }
        AtomicFile.write(
                file, new ReportPage(headline, runs, scores, made).html().getBytes(StandardCharsets.UTF_8));
    }

    /** Writes each chart of the page as a PNG file and returns the files. */
    public List<Path> writeCharts(Path folder) throws IOException {
        List<Path> files = new ArrayList<>();
        for (Map.Entry<String, Png> chart : new ReportCharts(runs).pngs().entrySet()) {
            Path file = folder.resolve(chart.getKey());
            chart.getValue().write(file);
            files.add(file);
        }
        return files;
    }
}
