package io.github.maskalign.core.config;

import java.util.List;
import java.util.Optional;

/**
 * One override, {@code --set a.b=value}.
 *
 * @param place names the override in messages
 * @param keys the keys on the way, the last one is set
 */
record SetOption(Place place, List<String> keys, YamlNode value) {
    private static final int SHOWN = 200;

    SetOption {
        keys = List.copyOf(keys);
    }

    /** Parses {@code a.b=value}; a mistake is reported and gives empty. */
    static Optional<SetOption> parse(String text, Problems problems) {
        StringBuilder source = new StringBuilder("--set ");
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
            problems.add(place, Found.shorten(path), "must be set to a value; write '' for an empty string, or null");
            return Optional.empty();
        }
        YamlNode node = YamlLoader.value(value, place.source(), problems);
        return Optional.of(new SetOption(place, keys, node));
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
