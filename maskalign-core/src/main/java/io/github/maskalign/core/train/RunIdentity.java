package io.github.maskalign.core.train;

import io.github.maskalign.core.files.internal.Digests;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What makes two runs the same run, and what is good to know about one.
 *
 * @param family kind of model, such as {@code maskalign} or {@code repa}
 * @param settings every setting that changes the numbers, such as {@code optim.lr} to {@code 1.0E-4}; a saved
 *     state is resumed only with the same ones. The number of steps and all that saves or logs stay out
 * @param provenance other facts to store, such as versions, device and commit; a difference is a warning
 * @param exact which of these facts must be the same too, because another would change roundings
 * @param later which of these facts states of earlier versions lack; then nobody knows, which is a warning
 * @param addable which settings a saved run may have without a value, {@code null}: a hash that is pinned later
 */
public record RunIdentity(
        String family,
        SortedMap<String, String> settings,
        SortedMap<String, String> provenance,
        Set<String> exact,
        Set<String> later,
        Set<String> addable) {
    private static final String UNSET = "null";
    static final String FAMILY = "family";
    static final String HASH = "config_hash";
    private static final String SETTING = "config.";
    private static final String PROVENANCE = "provenance.";

    public RunIdentity {
        settings = Collections.unmodifiableSortedMap(new TreeMap<>(settings));
        provenance = Collections.unmodifiableSortedMap(new TreeMap<>(provenance));
        exact = Set.copyOf(exact);
        later = Set.copyOf(later);
        addable = Set.copyOf(addable);
    }

    /** Makes an identity of which no fact must be the same. */
    public RunIdentity(String family, SortedMap<String, String> settings, SortedMap<String, String> provenance) {
        this(family, settings, provenance, Set.of(), Set.of(), Set.of());
    }

    /** Makes an identity of maps in any order. */
    public static RunIdentity of(String family, Map<String, String> settings, Map<String, String> provenance) {
        return new RunIdentity(family, new TreeMap<>(settings), new TreeMap<>(provenance));
    }

    /** Returns the same identity for a run that goes on only where these facts are the same. */
    public RunIdentity withExact(Set<String> facts) {
        return new RunIdentity(family, settings, provenance, facts, later, addable);
    }

    /** Returns the same identity, of which states of earlier versions lack these facts. */
    public RunIdentity withLater(Set<String> facts) {
        return new RunIdentity(family, settings, provenance, exact, facts, addable);
    }

    /** Returns the same identity for a run that goes on also where these settings had no value when it was saved. */
    public RunIdentity withAddable(Set<String> keys) {
        return new RunIdentity(family, settings, provenance, exact, later, keys);
    }

    /** Returns the SHA-256 of family and settings, as 64 hexadecimal digits. */
    public String configHash() {
        StringBuilder text = new StringBuilder(family).append('\n');
        settings.forEach(
                (key, value) -> text.append(key).append('=').append(value).append('\n'));
        return Digests.sha256(text.toString());
    }

    /** Returns all of it as texts for the metadata of a file. */
    Map<String, String> metadata() {
        Map<String, String> out = new TreeMap<>();
        out.put(FAMILY, family);
        out.put(HASH, configHash());
        settings.forEach((key, value) -> out.put(SETTING + key, value));
        provenance.forEach((key, value) -> out.put(PROVENANCE + key, value));
        return out;
    }

    /** Returns which settings of a saved run differ from these, as sentences; none if it is the same run. */
    List<String> settingsOtherThan(Map<String, String> metadata) {
        RunIdentity seen = asSavedWithout(metadata);
        if (!seen.settings.equals(settings)) {
            return seen.settingsOtherThan(metadata);
        }
        if (configHash().equals(metadata.get(HASH))) {
            return List.of();
        }
        List<String> out = new ArrayList<>();
        if (!family.equals(metadata.get(FAMILY))) {
            out.add(sentence(FAMILY, metadata.get(FAMILY), family));
        }
        out.addAll(differences(SETTING, settings, metadata, key -> true));
        return out.isEmpty() ? List.of(sentence(HASH, metadata.get(HASH), configHash())) : out;
    }

    /** Returns this without the values that the saved run had not yet. */
    private RunIdentity asSavedWithout(Map<String, String> metadata) {
        SortedMap<String, String> seen = new TreeMap<>(settings);
        for (String key : addable) {
            if (UNSET.equals(metadata.get(SETTING + key))) {
                seen.replace(key, UNSET);
            }
        }
        return new RunIdentity(family, seen, provenance, exact, later, addable);
    }

    /** Returns which facts about a saved run differ from these though they must not, as sentences. */
    List<String> exactOtherThan(Map<String, String> metadata) {
        return differences(PROVENANCE, provenance, metadata, key -> exact.contains(key) && !unknown(key, metadata));
    }

    /** Returns which other facts about a saved run differ from these, or may differ, as sentences. */
    List<String> provenanceOtherThan(Map<String, String> metadata) {
        List<String> out = new ArrayList<>(
                differences(PROVENANCE, provenance, metadata, key -> !exact.contains(key) && !unknown(key, metadata)));
        provenance.forEach((key, here) -> {
            if (unknown(key, metadata)) {
                out.add(key + " is unknown of the saved state and is now " + here);
            }
        });
        return out;
    }

    private boolean unknown(String key, Map<String, String> metadata) {
        return later.contains(key) && !metadata.containsKey(PROVENANCE + key);
    }

    private static List<String> differences(
            String prefix, Map<String, String> ours, Map<String, String> metadata, Predicate<String> which) {
        TreeSet<String> keys = new TreeSet<>(ours.keySet());
        metadata.keySet().stream()
                .filter(key -> key.startsWith(prefix))
                .forEach(key -> keys.add(key.substring(prefix.length())));
        List<String> out = new ArrayList<>();
        for (String key : keys) {
            String theirs = metadata.get(prefix + key);
            String here = ours.get(key);
            if (which.test(key) && (theirs == null || !theirs.equals(here))) {
                out.add(sentence(key, theirs, here));
            }
        }
        return out;
    }

    private static String sentence(String key, @Nullable String saved, @Nullable String here) {
        return key + " was " + (saved == null ? "absent" : saved) + " and is now " + (here == null ? "absent" : here);
    }
}
