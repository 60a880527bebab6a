package io.github.maskalign.sit.run;

import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.sit.run.internal.AnalysisSection;
import io.github.maskalign.sit.run.internal.Png;
import io.github.maskalign.sit.run.internal.ReportCharts;
import io.github.maskalign.sit.run.internal.ReportData;
import io.github.maskalign.sit.run.internal.ReportPage;
import io.github.maskalign.sit.run.internal.ReportedRun;
import io.github.maskalign.sit.run.internal.RunGroup;
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
    private static final int MOST_NAMES = 4;

    private final List<RunGroup> groups;
    private final List<ScoreFile> scores;
    private final List<ReportPage.Leading> analyses;

    private RunReport(List<RunGroup> groups, List<ScoreFile> scores, List<ReportPage.Leading> analyses) {
        this.groups = List.copyOf(groups);
        this.scores = List.copyOf(scores);
        this.analyses = List.copyOf(analyses);
    }

    /**
     * Reads runs, finished or going on. Those that differ in {@code seed} and {@code name} alone form a group, of which
     * means and sample standard deviations are shown. What {@code analyze} left in a run's folder is shown too.
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
        List<ReportPage.Leading> analyses = new ArrayList<>();
        Set<String> labels = new HashSet<>();
        for (Path folder : folders) {
            String name = String.valueOf(folder.toAbsolutePath().normalize().getFileName());
            String label = name;
            for (int i = 2; !labels.add(label); i++) {
                label = name + " (" + i + ")";
            }
            runs.add(ReportedRun.read(folder, label, grids));
            AnalysisSection.read(folder, label).ifPresent(analyses::add);
        }
        List<ScoreFile> scores = new ArrayList<>();
        for (Path file : evaluations) {
            scores.add(ScoreFile.read(file));
        }
        return new RunReport(RunGroup.of(runs), scores, analyses);
    }

    /** Returns the report with one line for each run, whatever their seeds. */
    public RunReport withoutGroups() {
        return new RunReport(RunGroup.each(runs()), scores, analyses);
    }

    private List<ReportedRun> runs() {
        return groups.stream().flatMap(group -> group.runs().stream()).toList();
    }

    /** Returns how many runs and groups it is of, in words. */
    public String summary() {
        return new ReportPage("", groups, scores, Instant.EPOCH).count();
    }

    /**
     * Writes the page in one step.
     *
     * @param title headline; null for the names of the groups, if they are few
     * @param made the time it states
     */
    public void writePage(Path file, @Nullable String title, Instant made) throws IOException {
        String names = groups.size() > MOST_NAMES
                ? summary()
                : String.join(", ", groups.stream().map(RunGroup::label).toList());
        write(file, new ReportPage(title != null ? title : names, groups, scores, made, analyses).html());
    }

    /**
     * Writes every number as CSV (RFC 4180) in one step, a line each: group, run, seed, step, metric, value.
     *
     * @throws IOException if it cannot be written
     */
    public void writeCsv(Path file) throws IOException {
        write(file, new ReportData(groups).csv());
    }

    /**
     * Writes the groups as JSON in one step: members, settings that differ, and n, mean and sample standard deviation of
     * each metric at each step.
     *
     * @throws IOException if it cannot be written
     */
    public void writeJson(Path file) throws IOException {
        write(file, new ReportData(groups).json());
    }

    private static void write(Path file, String text) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        if (folder != null) {
            Files.createDirectories(folder);
        }
        AtomicFile.write(file, text.getBytes(StandardCharsets.UTF_8));
    }

    /** Writes each chart of the page as a PNG file and returns the files. */
    public List<Path> writeCharts(Path folder) throws IOException {
        List<Path> files = new ArrayList<>();
        for (Map.Entry<String, Png> chart : new ReportCharts(groups).pngs().entrySet()) {
            Path file = folder.resolve(chart.getKey());
            chart.getValue().write(file);
            files.add(file);
        }
        return files;
    }
}
