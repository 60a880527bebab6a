package io.github.maskalign.sit.lab.internal;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.sit.lab.ComparisonPlan;
import io.github.maskalign.sit.lab.ComparisonPlan.Variant;
import io.github.maskalign.sit.lab.internal.Cell.Outcome;
import io.github.maskalign.sit.run.internal.GridPreviews;
import io.github.maskalign.sit.run.internal.ReportPage;
import io.github.maskalign.sit.run.internal.ReportedRun;
import io.github.maskalign.sit.run.internal.RunGroup;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a comparison writes.
 *
 * @param plan the plan
 * @param finished what its finished cells left, in the order of the plan
 */
public record ComparisonFiles(ComparisonPlan plan, Map<Cell, Outcome> finished) {
    private static final int GRIDS = 1;

    /** Bytes of all pictures of the page, a third less than as text. */
    private static final int MOST_BYTES = 3_200_000;

    private static final Gson GSON = new GsonBuilder()
            .setPrettyPrinting()
            .serializeSpecialFloatingPointValues()
            .disableHtmlEscaping()
            .create();

    /** A line of {@code results.json}. */
    private record Row(
            String variant,
            String score,
            String protocol,
            Map<Long, Double> bySeed,
            ScoreSummary mean,
            ScoreSummary difference,
            ScoreSummary.@Nullable Power power) {}

    /** What {@code results.json} holds. */
    private record Results(String name, String baseline, String interval, Map<String, String> failed, List<Row> rows) {}

    /**
     * Writes {@code results.json}, {@code results.csv} and {@code comparison.html}.
     *
     * @return the page
     */
    public Path write(Path folder, Instant made) throws IOException {
        if (finished.isEmpty()) {
            throw new IllegalArgumentException(folder + ": no cell of the comparison is finished yet");
        }
        ComparisonTable table = new ComparisonTable(plan, finished);
        List<Row> rows = new ArrayList<>();
        StringBuilder csv = new StringBuilder("variant,seed,step,score,value\r\n");
        for (ComparisonTable.Column column : table.columns()) {
            for (Variant variant : plan.variants()) {
                Map<Long, Double> values = table.bySeed(variant.name(), column);
                if (!values.isEmpty()) {
                    ScoreSummary difference = table.difference(variant.name(), column);
                    rows.add(new Row(
                            variant.name(),
                            column.score(),
                            column.protocol(),
                            values,
                            ScoreSummary.of(values.values()),
                            difference,
                            difference.power()));
                }
            }
        }
        Map<String, String> failed = new TreeMap<>();
        finished.forEach((cell, outcome) -> {
            if (outcome.failure() != null) {
                failed.put(cell.name(), outcome.failure());
            }
            outcome.scores()
                    .forEach((score, points) -> points.forEach((step, value) -> csv.append(cell.variant())
                            .append(',')
                            .append(cell.seed())
                            .append(',')
                            .append(step)
                            .append(',')
                            .append(score)
                            .append(',')
                            .append(value)
                            .append("\r\n")));
        });
        Results results = new Results(
                plan.name(),
                plan.reference(),
                "95 %, Student's t over seeds; differences are taken between runs of one seed",
                failed,
                rows);
        AtomicFile.write(folder.resolve("results.json"), GSON.toJson(results) + "\n");
        AtomicFile.write(folder.resolve("results.csv"), csv.toString());
        Path page = folder.resolve("comparison.html");
        ComparisonSection section = new ComparisonSection(plan, table);
        AtomicFile.write(page, new ReportPage(plan.name(), groups(folder), List.of(), made, List.of(section)).html());
        return page;
    }

    /** The runs of each variant, in the order of the plan. */
    private List<RunGroup> groups(Path folder) throws IOException {
        GridPreviews previews = new GridPreviews(MOST_BYTES / (GRIDS * finished.size()), folder);
        Map<String, List<ReportedRun>> runs = new LinkedHashMap<>();
        for (Cell cell : finished.keySet()) {
            runs.computeIfAbsent(cell.variant(), name -> new ArrayList<>())
                    .add(ReportedRun.read(cell.folder(), cell.name(), GRIDS, previews));
        }
        List<RunGroup> groups = new ArrayList<>();
        for (Variant variant : plan.variants()) {
            List<ReportedRun> members = runs.get(variant.name());
            if (members != null) {
                groups.add(new RunGroup(variant.name(), members));
            }
        }
        return groups;
    }
}
