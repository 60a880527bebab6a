package io.github.maskalign.sit.run.internal;

import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** What a reader of a report must know. */
final class ReportWarnings {
    private ReportWarnings() {}

    /** Returns each warning once, with the runs and files that it concerns. */
    static Map<String, Set<String>> of(List<RunGroup> groups, List<ScoreFile> scores) {
        Map<String, Set<String>> found = new LinkedHashMap<>();
        for (RunGroup group : groups) {
            Map<Long, List<ReportedRun>> seeds = group.runs().stream()
                    .collect(Collectors.groupingBy(run -> run.facts().seed()));
            seeds.values().stream()
                    .filter(runs -> runs.size() > 1)
                    .forEach(runs -> warn(
                            found,
                            "have one seed, so that their deviation says less than that of other seeds.",
                            String.join(
                                    ", ", runs.stream().map(ReportedRun::label).toList())));
            for (ReportedRun run : group.runs()) {
                if (run.stats().damaged() > 0) {
                    String text = run.stats().damaged() + " lines of stats.jsonl are no records and were left out.";
                    warn(found, text, run.label());
                }
                run.scores().forEach(file -> file.warnings().forEach(text -> warn(found, text, run.label())));
            }
        }
        scores.forEach(file -> file.warnings().forEach(text -> warn(found, text, file.file())));
        return found;
    }

    private static void warn(Map<String, Set<String>> found, String text, String name) {
        found.computeIfAbsent(text, key -> new LinkedHashSet<>()).add(name);
    }
}
