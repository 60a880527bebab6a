package io.github.maskalign.sit.run.internal;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.ToDoubleFunction;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Runs that have every setting in common but {@code seed} and {@code name}.
 *
 * @param label what tells it from other groups, in few words
 * @param runs at least one
 */
public record RunGroup(String label, List<ReportedRun> runs) {
    private static final Pattern SEED =
            Pattern.compile("(?:[-_. ](?:seed|s)|seed)[-_=.]?\\d+$", Pattern.CASE_INSENSITIVE);
    private static final Set<String> OWN = Set.of("name", "seed");
    private static final int LONGEST = 60;
    private static final int MOST_KEYS = 2;

    /** Copies the list. */
    public RunGroup {
        runs = List.copyOf(runs);
    }

    /** Returns the groups of runs, in the order of their first runs. If no run has another seed, they are as they are. */
    public static List<RunGroup> of(List<ReportedRun> runs) {
        Map<Map<String, String>, List<ReportedRun>> found = new LinkedHashMap<>();
        for (ReportedRun run : runs) {
            found.computeIfAbsent(shared(run), settings -> new ArrayList<>()).add(run);
        }
        if (found.size() == runs.size()) {
            return each(runs);
        }
        List<RunGroup> groups = new ArrayList<>();
        found.values().forEach(members -> groups.add(new RunGroup("", members)));
        List<String> labels = labels(groups);
        Set<String> taken = new HashSet<>();
        for (int g = 0; g < groups.size(); g++) {
            String label = labels.get(g);
            for (int i = 2; !taken.add(label); i++) {
                label = labels.get(g) + " (" + i + ")";
            }
            groups.set(g, new RunGroup(label, groups.get(g).runs));
        }
        return groups;
    }

    /** Returns a group of each run. */
    public static List<RunGroup> each(List<ReportedRun> runs) {
        return runs.stream().map(run -> new RunGroup(run.label(), List.of(run))).toList();
    }

    private static Map<String, String> shared(ReportedRun run) {
        Map<String, String> settings = new LinkedHashMap<>(run.facts().settings());
        settings.keySet().removeAll(OWN);
        return settings;
    }

    /** The method, and what else is needed to tell groups of one method apart; else the names of runs. */
    private static List<String> labels(List<RunGroup> groups) {
        if (groups.size() == 1) {
            return List.of(groups.get(0).name());
        }
        Map<String, List<RunGroup>> methods = groups.stream()
                .collect(Collectors.groupingBy(g -> g.first().facts().method()));
        List<String> labels = new ArrayList<>();
        for (RunGroup group : groups) {
            String method = group.first().facts().method();
            List<RunGroup> same = methods.getOrDefault(method, List.of());
            Map<String, String> settings = group.first().facts().settings();
            Set<String> keys = same.size() == 1 ? Set.of() : differing(same);
            String label = keys.stream()
                    .map(key -> key + "=" + settings.getOrDefault(key, "–"))
                    .collect(Collectors.joining(", "));
            if (methods.size() > 1) {
                label = label.isEmpty() ? method : method + ", " + label;
            }
            labels.add(keys.size() > MOST_KEYS || label.length() > LONGEST ? group.name() : label);
        }
        return labels;
    }

    /** Returns the keys of settings in which groups differ, but for names and seeds, in the order of a config. */
    static Set<String> differing(List<RunGroup> groups) {
        List<Map<String, String>> settings =
                groups.stream().map(group -> shared(group.first())).toList();
        Set<String> keys = new LinkedHashSet<>();
        settings.forEach(one -> keys.addAll(one.keySet()));
        keys.removeIf(key -> settings.stream()
                        .map(one -> one.getOrDefault(key, "–"))
                        .distinct()
                        .count()
                == 1);
        return keys;
    }

    /** The name of the first run's folder without what names its seed. */
    private String name() {
        String name = SEED.matcher(first().label()).replaceFirst("");
        return name.isEmpty() ? first().facts().name() : name;
    }

    ReportedRun first() {
        return runs.get(0);
    }

    boolean isAlone() {
        return runs.size() == 1;
    }

    Spread spread(ToDoubleFunction<ReportedRun> value) {
        return Spread.of(runs.stream().mapToDouble(value));
    }

    /** Returns the seeds in rising order. */
    Set<Long> seeds() {
        return runs.stream().map(run -> run.facts().seed()).collect(Collectors.toCollection(TreeSet::new));
    }
}
