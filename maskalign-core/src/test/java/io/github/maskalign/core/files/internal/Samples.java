package io.github.maskalign.core.files.internal;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.files.TensorSource;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.TreeSet;
import java.util.stream.Stream;

/** The fixtures of scripts/golden/torchfile_samples.py. */
final class Samples {
    private static final String[] STYLES = {"current", "stream", "2.3"};

    private Samples() {}

    static Path path(String name) {
        try {
            return Path.of(Objects.requireNonNull(Samples.class.getResource("/golden/torchfile/" + name), name)
                    .toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    /** The files of all styles, with the manifest of their style. */
    static Stream<JsonObject> manifests() {
        return Stream.of(STYLES).map(style -> {
            try {
                return JsonParser.parseString(Files.readString(path("manifest-" + style + ".json")))
                        .getAsJsonObject();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    /** Names of all checkpoints that can be opened, without suffix. */
    static Stream<String> readable() {
        return names().filter(name -> !name.startsWith("refused-"));
    }

    /** Names of all files that must not be opened, without suffix. */
    static Stream<String> refused() {
        return names().filter(name -> name.startsWith("refused-"));
    }

    private static Stream<String> names() {
        TreeSet<String> names = new TreeSet<>();
        manifests()
                .forEach(m -> m.getAsJsonObject("files").keySet().stream()
                        .filter(file -> file.endsWith(".pt"))
                        .forEach(file -> names.add(file.substring(0, file.length() - 3))));
        return names.stream();
    }

    /** The bytes of a tensor as it sends them. */
    static byte[] bytes(TensorSource tensor) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        tensor.sendTo(chunk -> {
            byte[] piece = new byte[chunk.remaining()];
            chunk.get(piece);
            out.writeBytes(piece);
        });
        return out.toByteArray();
    }
}
