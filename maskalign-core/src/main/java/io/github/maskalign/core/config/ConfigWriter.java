package io.github.maskalign.core.config;

import io.github.maskalign.core.config.YamlLoader.YamlText;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Writes config records as the YAML that {@link ConfigBinder} reads.
 *
 * <p>Keys stand in the order of the record's components, nothing is left out, and the text depends on the values
 * alone: not on the platform, the locale or the Java version. Numbers have the fewest digits that read back to the
 * same value, floating-point ones always a point ({@code 4.0}, {@code 1.0e-4}); strings are in double quotes where
 * they need them. Binding the text gives a record equal to the one written, if the record's constructor keeps valid
 * values as they are.
 */
public final class ConfigWriter {
    private ConfigWriter() {}

    /**
     * Returns a config as YAML, ending with a newline.
     *
     * @throws IllegalArgumentException if the record or a type in it is none that configs can hold, or a value has no
     *     form in a config: null without being optional, a number that is not finite, half of a surrogate pair;
     *     the message names the key
     */
    public static String yaml(Record config) {
        RecordType type = RecordReader.read(config.getClass());
        return String.join("\n", lines(type.write(config, ""))) + "\n";
    }

    /**
     * Returns the SHA-256 of {@link #yaml} in UTF-8 as 64 hexadecimal digits: equal configs have equal hashes, however
     * they were written and commented.
     *
     * @throws IllegalArgumentException as {@link #yaml} does
     */
    public static String hash(Record config) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            return HexFormat.of().formatHex(digest.digest(yaml(config).getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    /**
     * Returns every setting by its key, {@code section.key} as {@code --set} takes it, in the order and with the text of
     * {@link #yaml}.
     *
     * @throws IllegalArgumentException as {@link #yaml} does
     */
    public static Map<String, String> settings(Record config) {
        return values(RecordReader.read(config.getClass()).write(config, ""));
    }

    /** Returns the values of a document by their keys. */
    static Map<String, String> values(YamlNode document) {
        Map<String, String> settings = new LinkedHashMap<>();
        collect(document, "", settings);
        return settings;
    }

    private static void collect(YamlNode node, String path, Map<String, String> settings) {
        if (node instanceof YamlNode.Mapping mapping
                && (path.isEmpty() || !mapping.entries().isEmpty())) {
            for (YamlNode.Entry entry : mapping.entries()) {
                collect(entry.value(), Problems.join(path, entry.key()), settings);
            }
        } else {
            settings.put(path, String.join(" ", lines(node)));
        }
    }

    private static List<String> lines(YamlNode node) {
        if (isInline(node)) {
            return List.of(inline(node));
        }
        List<String> lines = new ArrayList<>();
        if (node instanceof YamlNode.Mapping mapping) {
            for (YamlNode.Entry entry : mapping.entries()) {
                String key = YamlText.of(entry.key()) + ":";
                if (isInline(entry.value())) {
                    lines.add(key + " " + inline(entry.value()));
                } else {
                    lines.add(key);
                    lines(entry.value()).forEach(line -> lines.add("  " + line));
                }
            }
        } else if (node instanceof YamlNode.Sequence sequence) {
            for (YamlNode item : sequence.items()) {
                List<String> itemLines = lines(item);
                lines.add("- " + itemLines.get(0));
                itemLines.stream().skip(1).forEach(line -> lines.add("  " + line));
            }
        }
        return lines;
    }

    /** Whether a node stands on one line: a scalar, an empty mapping, or a list of such. */
    private static boolean isInline(YamlNode node) {
        if (node instanceof YamlNode.Mapping mapping) {
            return mapping.entries().isEmpty();
        }
        return !(node instanceof YamlNode.Sequence sequence)
                || sequence.items().stream().allMatch(ConfigWriter::isInline);
    }

    private static String inline(YamlNode node) {
        if (node instanceof YamlNode.Scalar scalar) {
            return scalar.kind() == YamlNode.Kind.STRING ? YamlText.of(scalar.text()) : scalar.text();
        }
        if (node instanceof YamlNode.Sequence sequence) {
            return sequence.items().stream().map(ConfigWriter::inline).collect(Collectors.joining(", ", "[", "]"));
        }
        return "{}";
    }
}
