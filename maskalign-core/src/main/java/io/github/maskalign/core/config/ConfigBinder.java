package io.github.maskalign.core.config;

import io.github.maskalign.core.config.ConfigException.ConfigProblem;
import io.github.maskalign.core.config.ConfigKey.Default;
import io.github.maskalign.core.config.ConfigKey.Identified;
import io.github.maskalign.core.config.ConfigKey.NonNegative;
import io.github.maskalign.core.config.ConfigKey.OneOf;
import io.github.maskalign.core.config.ConfigKey.Positive;
import io.github.maskalign.core.config.ConfigKey.Range;
import io.github.maskalign.core.config.ConfigPresets.Preset;
import io.github.maskalign.core.config.YamlLoader.YamlText;
import io.github.maskalign.core.config.YamlNode.Found;
import io.github.maskalign.core.config.YamlNode.Place;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Reads a YAML config into a record, strictly.
 *
 * <p>A config is a record, its sections are records too, and the names of the components are the keys:
 *
 * <pre>{@code
 * record TrainConfig(
 *         @Positive int steps,
 *         @Range(min = 0, max = 1, maxExclusive = true) double ratio,
 *         SiTVariant model,                            // an enum; SiT-B/2 if it is Identified
 *         @NonNegative List<Integer> encoderWidths,    // limits hold for each item
 *         @Default("null") Optional<Path> teacher) {   // may be left out
 *     TrainConfig {
 *         if (steps % 2 != 0) {
 *             throw new IllegalArgumentException("steps must be even but was " + steps);
 *         }
 *     }
 * }
 * record RunConfig(String name, TrainConfig train) {}
 *
 * Bound<RunConfig> bound = ConfigBinder.bind(
 *         Path.of("configs/toy.yaml"), List.of("train.steps=100"), RunConfig.class);
 * }</pre>
 *
 * <p>with the file
 *
 * <pre>{@code
 * name: toy
 * train:
 *   steps: 400
 *   ratio: 0.25
 *   model: SiT-B/2
 *   encoderWidths: [768]
 * }</pre>
 *
 * <p><b>Types.</b> String, int, long, float, double, boolean (and their boxes), {@link Path}, enums, records, and
 * {@code List} and {@code Optional} of these; a component marked {@code @Nullable} can be {@code null} like an
 * {@code Optional}. Enums are spelt by name, or by id if they are {@link Identified};
 * upper and lower case are read alike, and so are the words of {@link ConfigKey.AlsoRead}.
 *
 * <p><b>Keys.</b> Each key is required, also one that can be {@code null}, unless its component has a
 * {@link Default}. Unknown and repeated keys are mistakes.
 *
 * <p><b>Values.</b> Limits come from {@link Range}, {@link Positive}, {@link NonNegative} and {@link OneOf}; rules
 * that join components go into the compact constructor, as an {@link IllegalArgumentException} whose sentence begins
 * with the component's name. Scalars follow the JSON schema of YAML 1.2: {@code 010}, {@code 1_000}, {@code .9},
 * {@code on} and {@code ~} are strings, an integer has no point and no exponent, a float may be written as an
 * integer, {@code .inf} and {@code .nan} are refused, and a string that looks like something else needs quotes.
 *
 * <p><b>Documents.</b> One document in UTF-8 without a byte order mark, of at most 2^20 characters and 20 levels; no
 * tags, anchors, aliases or merge keys.
 *
 * <p><b>Overrides.</b> {@code section.key=value} with the value in YAML: a scalar, or a list or mapping in brackets.
 * They replace what the file says before anything is bound, in their order, so the last one of a key holds. A section
 * that the file leaves out begins with its {@link Default}, if it has one; an item of a list cannot be set alone.
 *
 * <p><b>Presets.</b> A record may have named groups of settings that a config begins with, see {@link ConfigPresets}.
 *
 * <p>All mistakes are reported at once. Source of the rules: YAML 1.2.2, chapter 10.2.
 */
public final class ConfigBinder {
    private ConfigBinder() {}

    /**
     * Reads a file.
     *
     * @param file the config
     * @param overrides what follows {@code --set} on the command line
     * @param type the record to bind to
     * @throws ConfigException if the file cannot be read, or for all mistakes in it and in the overrides
     * @throws IllegalArgumentException if {@code type} is no record that can hold a config; the message names the
     *     component
     */
    public static <R extends Record> Bound<R> bind(Path file, List<String> overrides, Class<R> type) {
        return bindText(read(file), file.toString(), overrides, type);
    }

    /**
     * Reads a text.
     *
     * @param yaml the config
     * @param source its name in messages
     * @param overrides what follows {@code --set} on the command line
     * @param type the record to bind to
     * @throws ConfigException for all mistakes in the text and in the overrides
     * @throws IllegalArgumentException if {@code type} is no record that can hold a config; the message names the
     *     component
     */
    public static <R extends Record> Bound<R> bindText(
            String yaml, String source, List<String> overrides, Class<R> type) {
        RecordType root = RecordReader.read(type);
        Optional<ConfigPresets> presets = ConfigPresets.of(type);
        List<String> paths = new ArrayList<>(root.paths(""));
        presets.ifPresent(all -> paths.add(all.key()));
        Problems problems = new Problems(source, paths);
        List<SetOption> options = overrides.stream()
                .map(text -> SetOption.parse(text, problems))
                .flatMap(Optional::stream)
                .toList();
        YamlNode document = YamlLoader.file(yaml, source, problems);
        Optional<Preset> preset = Optional.empty();
        if (presets.isPresent()) {
            int failures = problems.failures();
            ConfigPresets.Applied applied = presets.get().apply(document, options, root, problems);
            if (problems.failures() > failures) {
                problems.throwIfAny(); // what follows from it would mislead
            }
            document = applied.document();
            preset = applied.preset();
        }
        for (SetOption option : options) {
            if (presets.isEmpty() || !presets.get().names(option)) {
                document = option.apply(document, root, problems);
            }
        }
        Object value = root.bind(document, "", problems);
        problems.throwIfAny();
        return new Bound<>(
                type.cast(Objects.requireNonNull(value, "a failure must be reported")), source, overrides, preset);
    }

    /**
     * Returns the constant of an enum that a config means by a word, so that options of a program can read the same words.
     *
     * @param type the enum
     * @param word its spelling or another word for it, in any case
     * @return empty if the enum has no such constant
     */
    public static <E> Optional<E> constant(Class<E> type, String word) {
        return ScalarType.Choice.find(type, word).map(type::cast);
    }

    private static String read(Path file) {
        byte[] bytes;
        // A character has at most four bytes; one byte more shows that there is more.
        int limit = 4 * YamlLoader.MAX_CODE_POINTS + 1;
        try (InputStream in = Files.newInputStream(file)) {
            bytes = in.readNBytes(limit);
        } catch (NoSuchFileException e) {
            throw unreadable(file, "does not exist");
        } catch (AccessDeniedException e) {
            throw unreadable(file, "cannot be read: access denied");
        } catch (IOException e) {
            throw unreadable(file, "cannot be read: " + e.getMessage());
        }
        if (bytes.length == limit) {
            throw unreadable(file, "must be at most " + YamlLoader.MAX_CODE_POINTS + " characters long");
        }
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException e) {
            throw unreadable(file, "must be text in UTF-8 but is not");
        }
    }

    private static ConfigException unreadable(Path file, String rest) {
        ConfigProblem problem = new ConfigProblem(file.toString(), 0, 0, "", "the config " + rest);
        return new ConfigException(file.toString(), List.of(problem));
    }

    /**
     * A config that was read, and where it came from.
     *
     * @param <R> type of the config
     * @param value the config after defaults and overrides
     * @param source the file, as it was given
     * @param overrides the overrides, as they were given
     * @param preset the preset that the file or an override names, with the settings that it has for this config
     */
    public record Bound<R extends Record>(R value, String source, List<String> overrides, Optional<Preset> preset) {
        public Bound {
            overrides = List.copyOf(overrides);
        }

        /** A config without a preset. */
        public Bound(R value, String source, List<String> overrides) {
            this(value, source, overrides, Optional.empty());
        }

        /** Returns what the keys that the preset sets came to, overrides included; nothing without a preset. */
        public Map<String, String> presetSettings() {
            Map<String, String> settings = new LinkedHashMap<>(ConfigWriter.settings(value));
            settings.keySet()
                    .retainAll(preset.map(Preset::settings).orElse(Map.of()).keySet());
            return settings;
        }

        /** Returns the effective config as YAML, see {@link ConfigWriter#yaml}. */
        public String yaml() {
            return ConfigWriter.yaml(value);
        }

        /** Returns the SHA-256 of the effective config, see {@link ConfigWriter#hash}. */
        public String hash() {
            return ConfigWriter.hash(value);
        }

        /**
         * Returns who is to blame for a rule that is checked after binding: the last override of a key that its sentence
         * names, or else the file.
         *
         * @param sentence such as {@code model.hiddenSize must be a multiple of 4 but was 47}
         */
        public String sourceOf(String sentence) {
            Problems ignored = new Problems(source, List.of());
            List<SetOption> options = overrides.stream()
                    .flatMap(text -> SetOption.parse(text, ignored).stream())
                    .toList();
            for (String name : RecordType.Named.in(sentence)) {
                for (int i = options.size() - 1; i >= 0; i--) {
                    if (options.get(i).sets(name)) {
                        return options.get(i).place().source();
                    }
                }
            }
            return source;
        }
    }

    /**
     * One override, {@code --set a.b=value}.
     *
     * @param place names the override in messages
     * @param keys the keys on the way, the last one is set
     */
    record SetOption(Place place, List<String> keys, YamlNode value) {
        static final String NAME = "--set ";
        private static final int SHOWN = 200;

        SetOption {
            keys = List.copyOf(keys);
        }

        /** Parses {@code a.b=value}; a mistake is reported and gives empty. */
        static Optional<SetOption> parse(String text, Problems problems) {
            StringBuilder source = new StringBuilder(NAME);
            text.codePoints().limit(SHOWN).forEach(c -> {
                if (c == '"' || c == '\\') {
                    source.append((char) c);
                } else {
                    YamlText.appendEscaped(source, c);
                }
            });
            if (text.codePointCount(0, text.length()) > SHOWN) {
                source.append("...");
            }
            Place place = Place.of(source.toString());
            int equals = text.indexOf('=');
            List<String> keys = equals < 0
                    ? List.of()
                    : List.of(text.substring(0, equals).strip().split("\\.", -1));
            if (keys.isEmpty() || keys.stream().anyMatch(String::isBlank)) {
                problems.add(place, "", "can only be changed by key=value, such as train.steps=100");
                return Optional.empty();
            }
            String path = String.join(".", keys);
            String value = text.substring(equals + 1);
            if (value.isBlank()) {
                problems.add(
                        place, Found.shorten(path), "must be set to a value; write '' for an empty string, or null");
                return Optional.empty();
            }
            YamlNode node = YamlLoader.value(value, place.source(), problems);
            return Optional.of(new SetOption(place, keys, node));
        }

        /** Whether it sets a key, which a sentence may name without its section. */
        boolean sets(String name) {
            String key = String.join(".", keys);
            return key.equals(name) || key.endsWith("." + name) || name.startsWith(key + ".");
        }

        /** Whether it sets a key of the config, alone or as a part of what it sets. */
        boolean gives(String path) {
            String key = String.join(".", keys);
            return path.equals(key)
                    || path.startsWith(key + ".")
                            && value instanceof YamlNode.Mapping section
                            && section.leaves().contains(path.substring(key.length() + 1));
        }

        /** Returns the document with the value set; sections that the document leaves out begin with their default. */
        YamlNode apply(YamlNode document, RecordType root, Problems problems) {
            return isKnown(root, problems) ? put(document, root, 0) : document;
        }

        private boolean isKnown(RecordType root, Problems problems) {
            RecordType section = root;
            for (int i = 0; i < keys.size(); i++) {
                String parent = String.join(".", keys.subList(0, i));
                Optional<RecordType.Component> component = section.component(keys.get(i));
                if (component.isEmpty()) {
                    problems.addUnknown(place, parent, keys.get(i), section.keys());
                    return false;
                }
                ConfigType type = component.get().type();
                if (i == keys.size() - 1) {
                    return true;
                }
                if (type.section().isEmpty()) {
                    String path = Problems.join(parent, keys.get(i));
                    String rest = Found.shorten(String.join(".", keys.subList(i + 1, keys.size())));
                    problems.add(
                            place, path, "has no key " + rest + ": it must be " + type.describe() + ", set as a whole");
                    return false;
                }
                section = type.section().get();
            }
            return true;
        }

        private YamlNode put(YamlNode node, RecordType section, int depth) {
            boolean isNull = node instanceof YamlNode.Scalar scalar && scalar.kind() == YamlNode.Kind.NULL;
            YamlNode target = isNull ? new YamlNode.Mapping(node.place(), List.of()) : node;
            if (!(target instanceof YamlNode.Mapping mapping)) {
                return node; // of the wrong type, which binding reports
            }
            String key = keys.get(depth);
            RecordType.Component component = section.component(key).orElseThrow();
            if (depth == keys.size() - 1) {
                return mapping.with(new YamlNode.Entry(place, key, value));
            }
            YamlNode child = mapping.get(key).or(component::missing).orElse(new YamlNode.Mapping(place, List.of()));
            YamlNode changed = put(child, component.type().section().orElseThrow(), depth + 1);
            return mapping.with(new YamlNode.Entry(place, key, changed));
        }
    }
}
