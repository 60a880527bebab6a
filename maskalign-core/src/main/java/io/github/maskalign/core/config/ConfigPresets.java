package io.github.maskalign.core.config;

import io.github.maskalign.core.config.ConfigBinder.SetOption;
import io.github.maskalign.core.config.ConfigKey.Presets;
import io.github.maskalign.core.config.ConfigKey.Sized;
import io.github.maskalign.core.config.YamlNode.Found;
import io.github.maskalign.core.config.YamlNode.Mapping;
import io.github.maskalign.core.config.YamlNode.Place;
import io.github.maskalign.core.config.YamlNode.Scalar;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;

/**
 * The presets of a config record that is marked with {@link Presets}: named groups of settings, each a file
 *
 * <pre>{@code
 * summary: what it is, in one line
 * paper: where it comes from
 * settings:              # as in a config
 *   align: {enabled: true}
 * sizes:                 # what differs by size; may be missing
 *   12: {align: {depth: 4}}
 *   28: {align: {depth: 8}}
 * }</pre>
 *
 * <p><b>Who wins.</b> A preset is named by its key in the config, {@code method: repa}, or by an option, {@code --set
 * method=repa}. What the file says beside its own key holds over that preset. One that an option names takes the place of
 * the file's: the sections of {@link Presets#sections} are the preset's alone, its other keys replace those of the file,
 * and the {@link Presets#labelled} text gets the name at its end. All other options hold over both.
 *
 * <p><b>Sizes.</b> For a size that a preset does not list, the keys that all of its sizes say have to be given.
 */
public final class ConfigPresets {
    private static final List<String> KEYS = List.of("summary", "paper", "settings", "sizes");

    private final Class<?> owner;
    private final Presets about;

    private ConfigPresets(Class<?> owner, Presets about) {
        this.owner = owner;
        this.about = about;
    }

    /** Returns the presets of a record; empty if it has none. */
    public static Optional<ConfigPresets> of(Class<? extends Record> type) {
        return Optional.ofNullable(type.getAnnotation(Presets.class)).map(about -> new ConfigPresets(type, about));
    }

    /**
     * What a preset says.
     *
     * @param name its name
     * @param summary what it is, in one line
     * @param paper where it comes from
     * @param settings values by their keys, {@code section.key}, as text of a config
     * @param sizes further values for each size that it knows
     */
    public record Preset(
            String name,
            String summary,
            String paper,
            Map<String, String> settings,
            Map<Integer, Map<String, String>> sizes) {
        /** Keeps the maps from being changed. */
        public Preset {
            settings = Collections.unmodifiableMap(settings);
            sizes = Collections.unmodifiableMap(sizes);
        }
    }

    /** Returns the key that names a preset. */
    public String key() {
        return about.key();
    }

    /** Returns the names of all presets. */
    public List<String> names() {
        return List.of(about.names());
    }

    /**
     * Returns a preset.
     *
     * @param name in upper or lower case
     * @throws IllegalArgumentException if there is none of this name; the message lists the names
     */
    public Preset get(String name) {
        return named(name)
                .map(this::read)
                .map(PresetFile::preset)
                .orElseThrow(() -> new IllegalArgumentException(about.key() + " " + unknown(name)));
    }

    private Optional<String> named(String name) {
        return names().stream().filter(name::equalsIgnoreCase).findFirst();
    }

    private String unknown(String name) {
        String hint = Problems.Suggestion.nearest(name, names())
                .map(near -> "; did you mean " + near + "?")
                .orElse("");
        return "must be one of " + String.join(", ", names()) + " but was " + Found.quoted(name) + hint;
    }

    /** A document after the preset that it or an option names, which is given here with the values for its size. */
    record Applied(YamlNode document, Optional<Preset> preset) {}

    /** Puts the preset that the options or the document name into the document, which loses the key. */
    Applied apply(YamlNode document, List<SetOption> options, RecordType root, Problems problems) {
        if (!(document instanceof Mapping file)) {
            return new Applied(document, Optional.empty());
        }
        Optional<SetOption> option = options.stream().filter(this::names).reduce((first, last) -> last);
        Optional<YamlNode> node = option.map(SetOption::value).or(() -> file.get(about.key()));
        Mapping rest = file.without(List.of(about.key()));
        if (node.isEmpty() || node.get() instanceof Scalar scalar && scalar.kind() == YamlNode.Kind.NULL) {
            return new Applied(rest, Optional.empty());
        }
        Optional<PresetFile> chosen = find(node.get(), problems);
        if (chosen.isEmpty()) {
            return new Applied(rest, Optional.empty());
        }
        List<SetOption> further = options.stream().filter(o -> !names(o)).toList();
        Mapping said = option.isPresent() ? rest.without(List.of(about.sections())) : rest;
        Mapping settings =
                settings(chosen.get(), said, further, root, node.get().place(), problems);
        Mapping whole =
                option.isPresent() ? labelled(said, chosen.get().name()).overlaid(settings) : said.filledFrom(settings);
        return new Applied(whole, Optional.of(chosen.get().preset(settings)));
    }

    /** Whether an option names a preset. */
    boolean names(SetOption option) {
        return option.keys().equals(List.of(about.key()));
    }

    private Optional<PresetFile> find(YamlNode node, Problems problems) {
        if (node instanceof YamlNode.Broken) {
            problems.addFailure();
            return Optional.empty();
        }
        if (!(node instanceof Scalar scalar) || scalar.kind() != YamlNode.Kind.STRING) {
            problems.addWrong(node, about.key(), "one of " + String.join(", ", names()));
            return Optional.empty();
        }
        Optional<String> name = named(scalar.text());
        if (name.isEmpty()) {
            problems.add(node.place(), about.key(), unknown(scalar.text()));
        }
        return name.map(this::read);
    }

    /** Returns the settings of a preset with those for the config's size, which is known after the options. */
    private Mapping settings(
            PresetFile preset, Mapping said, List<SetOption> options, RecordType root, Place place, Problems problems) {
        OptionalInt size = size(said, options, root);
        if (size.isEmpty() || preset.sizes().isEmpty()) {
            return preset.settings();
        }
        Mapping own = preset.sizes().get(size.getAsInt());
        if (own != null) {
            return preset.settings().overlaid(own);
        }
        List<String> missing = new ArrayList<>(preset.sizedKeys());
        missing.removeAll(said.leaves());
        missing.removeIf(key -> options.stream().anyMatch(option -> option.gives(key)));
        if (!missing.isEmpty()) {
            problems.add(
                    place,
                    about.key(),
                    preset.name() + " has no values for " + about.size() + " " + size.getAsInt() + ", only for "
                            + String.join(
                                    ", ",
                                    preset.sizes().keySet().stream()
                                            .map(String::valueOf)
                                            .toList())
                            + ": give " + String.join(" and ", missing) + " yourself, such as --set " + missing.get(0)
                            + "=" + preset.example(missing.get(0)));
        }
        return preset.settings();
    }

    /** Returns the size that the config has with all options; empty if its section is wrong, which binding reports. */
    private OptionalInt size(Mapping said, List<SetOption> options, RecordType root) {
        Problems ignored = new Problems("", List.of());
        YamlNode document = said;
        for (SetOption option : options) {
            if (option.keys().get(0).equals(about.sized())) {
                document = option.apply(document, root, ignored);
            }
        }
        ConfigType section = root.component(about.sized()).orElseThrow().type();
        return ((Mapping) document)
                .get(about.sized())
                .map(node -> section.bind(node, about.sized(), ignored))
                .map(value -> OptionalInt.of(((Sized) value).size()))
                .orElse(OptionalInt.empty());
    }

    private Mapping labelled(Mapping document, String name) {
        return document.get(about.labelled())
                .filter(Scalar.class::isInstance)
                .map(Scalar.class::cast)
                .filter(text -> text.kind() == YamlNode.Kind.STRING)
                .map(text -> document.with(new YamlNode.Entry(
                        text.place(), about.labelled(), Scalar.string(text.place(), text.text() + "-" + name))))
                .orElse(document);
    }

    private PresetFile read(String name) {
        String resource = about.key() + "s/" + name + ".yaml";
        try (InputStream in = owner.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IllegalStateException(resource + " is not beside " + owner.getName());
            }
            return PresetFile.parse(name, new String(in.readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(resource + " cannot be read", e);
        }
    }

    /** A preset as its file says it. Mistakes in it are its author's. */
    private record PresetFile(
            String name, String summary, String paper, Mapping settings, TreeMap<Integer, Mapping> sizes) {
        static PresetFile parse(String name, String text) {
            Problems problems = new Problems("preset " + name, List.of());
            YamlNode node = YamlLoader.file(text, "preset " + name, problems);
            problems.throwIfAny();
            Mapping file = section(node, name);
            for (YamlNode.Entry entry : file.entries()) {
                if (!KEYS.contains(entry.key())) {
                    throw new IllegalStateException(
                            "preset " + name + " has the keys " + String.join(", ", KEYS) + ", not " + entry.key());
                }
            }
            TreeMap<Integer, Mapping> sizes = new TreeMap<>();
            file.get("sizes")
                    .ifPresent(all -> section(all, name)
                            .entries()
                            .forEach(entry -> sizes.put(Integer.parseInt(entry.key()), section(entry.value(), name))));
            return new PresetFile(
                    name,
                    word(file, "summary", name),
                    word(file, "paper", name),
                    section(file.get("settings").orElse(node), name),
                    sizes);
        }

        private static Mapping section(YamlNode node, String name) {
            if (node instanceof Mapping mapping) {
                return mapping;
            }
            throw new IllegalStateException("preset " + name + " must have a mapping at " + node.place());
        }

        private static String word(Mapping file, String key, String name) {
            return file.get(key)
                    .filter(Scalar.class::isInstance)
                    .map(node -> ((Scalar) node).text())
                    .orElseThrow(() -> new IllegalStateException("preset " + name + " must say its " + key));
        }

        /** The keys that have to be given for a size that is not listed: those that every size gives. */
        List<String> sizedKeys() {
            List<String> keys = new ArrayList<>(sizes.firstEntry().getValue().leaves());
            sizes.values().forEach(size -> keys.retainAll(size.leaves()));
            return keys;
        }

        /** The value of a key at the first size. */
        String example(String key) {
            return String.valueOf(
                    ConfigWriter.values(sizes.firstEntry().getValue()).get(key));
        }

        Preset preset() {
            TreeMap<Integer, Map<String, String>> bySize = new TreeMap<>();
            sizes.forEach((size, mapping) -> bySize.put(size, ConfigWriter.values(mapping)));
            return new Preset(name, summary, paper, ConfigWriter.values(settings), bySize);
        }

        /** The preset with the settings that hold in a config. */
        Preset preset(Mapping resolved) {
            Preset all = preset();
            return new Preset(name, summary, paper, ConfigWriter.values(resolved), all.sizes());
        }
    }
}
