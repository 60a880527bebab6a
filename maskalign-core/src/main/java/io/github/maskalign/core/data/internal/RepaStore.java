package io.github.maskalign.core.data.internal;

import ai.djl.ndarray.types.Shape;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.maskalign.core.data.PreparedSamples;
import io.github.maskalign.core.data.internal.PreparedStore.PrepareException;
import io.github.maskalign.core.data.internal.PreparedStore.PreparedSample;
import io.github.maskalign.core.data.internal.PreparedStore.TokenError;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.files.AtomicFile;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.files.internal.NpyFile;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.stream.Stream;

/**
 * Two files for each picture, named by the picture's number in the source. A picture that cannot be read leaves a gap
 * in both folders, so pairs stay pairs, by number and by rank.
 */
record RepaStore(RepaFolders folders) implements PreparedStore {
    static final String MANIFEST = "manifest.json";

    @Override
    public PreparedSamples open() throws IOException {
        return RepaSet.open(folders);
    }

    @Override
    public Path folder() {
        return folders.root();
    }

    @Override
    public Path records() {
        return folders.records();
    }

    @Override
    public Map<String, String> settings() {
        return Map.of("layout", "repa " + folders.images() + " " + folders.latents());
    }

    @Override
    public void requireHolds(SampleLayout layout) throws PrepareException {
        Path shards = folder().resolve(ShardIndex.FILE);
        if (Files.exists(shards)) {
            throw new PrepareException(folder() + " holds a set of shards (" + shards.getFileName()
                    + "), which would be taken for this one; choose another folder");
        }
        if (layout.imageSide() == 0 || layout.tokens() > 0 || layout.moments() != FloatCode.FLOAT32) {
            throw new PrepareException(
                    "REPA's layout holds pictures and float32 latents, and no encoder tokens; asked for was " + layout);
        }
    }

    @Override
    public void removeLeftovers() throws IOException {
        AtomicFile.removeLeftovers(records());
        for (Path kind : List.of(folders.imageFolder(), folders.latentFolder())) {
            if (Files.isDirectory(kind)) {
                try (Stream<Path> all = Files.walk(kind, 1)) { // itself, and a folder for each thousand
                    for (Path folder : (Iterable<Path>) all.filter(Files::isDirectory)::iterator) {
                        AtomicFile.removeLeftovers(folder);
                    }
                }
            }
        }
    }

    @Override
    public Part begin(int part, SampleLayout layout, Map<String, String> settings) {
        Shape shape = new Shape(2L * layout.channels(), layout.side(), layout.side());
        return new Part() {
            private final StringBuilder hashes = new StringBuilder();
            private int samples;
            private long bytes;

            @Override
            public void add(int index, PreparedSample sample) throws IOException {
                byte[] planar = sample.image();
                if (planar == null) {
                    throw new IllegalArgumentException(
                            "REPA's layout holds pictures but sample " + index + " has none");
                }
                Path image = folders.image(index);
                Path latent = folders.latent(index);
                Files.createDirectories(image.getParent());
                Files.createDirectories(latent.getParent());
                AtomicFile.write(
                        image, PictureWriter.png(picture(planar, layout.imageSide()), PictureWriter.Packing.STORED));
                NpyFile.write(latent, TensorSource.of(shape, sample.moments()));
                note(RepaFolders.imageName(index), image);
                note(RepaFolders.latentName(index), latent);
                samples++;
            }

            private void note(String name, Path file) throws IOException {
                append(hashes, name, file);
                bytes += Files.size(file);
            }

            @Override
            public Content finish() throws IOException {
                byte[] list = hashes.toString().getBytes(StandardCharsets.UTF_8);
                AtomicFile.write(folders.records().resolve(String.format(Locale.ROOT, "part-%05d.sha256", part)), list);
                return new Content(samples, bytes, Digests.sha256(list), TokenError.NONE);
            }
        };
    }

    private static void append(StringBuilder hashes, String name, Path file) throws IOException {
        hashes.append(Digests.sha256(file)).append("  ").append(name).append('\n');
    }

    @Override
    public String sha256(int part, Numbers numbers) throws IOException {
        StringBuilder hashes = new StringBuilder();
        for (int index = numbers.first(); index < numbers.end(); index++) {
            if (!numbers.skipped().contains(index)) {
                append(hashes, RepaFolders.imageName(index), folders.image(index));
                append(hashes, RepaFolders.latentName(index), folders.latent(index));
            }
        }
        return Digests.sha256(hashes.toString());
    }

    private static Picture picture(byte[] planar, int side) {
        byte[] interleaved = new byte[planar.length];
        int plane = side * side;
        for (int i = 0; i < plane; i++) {
            for (int c = 0; c < 3; c++) {
                interleaved[3 * i + c] = planar[c * plane + i];
            }
        }
        return Picture.of(side, side, interleaved);
    }

    @Override
    public long bytes(int part, Numbers numbers) throws IOException {
        long bytes = 0;
        for (int index = numbers.first(); index < numbers.end(); index++) {
            if (numbers.skipped().contains(index)) {
                continue;
            }
            Path image = folders.image(index);
            Path latent = folders.latent(index);
            if (!Files.exists(image) || !Files.exists(latent)) {
                return -1;
            }
            bytes += Files.size(image) + Files.size(latent);
        }
        return bytes;
    }

    @Override
    public void finish(
            SampleLayout layout,
            Map<String, String> settings,
            PictureSet source,
            List<Content> parts,
            Set<Integer> skipped)
            throws IOException {
        JsonObject manifest = new JsonObject();
        JsonObject texts = new JsonObject();
        settings.forEach(texts::addProperty);
        manifest.add("settings", texts);
        JsonArray classes = new JsonArray();
        source.classes().forEach(classes::add);
        manifest.add("classes", classes);
        JsonArray hashes = new JsonArray();
        parts.forEach(part -> hashes.add(part.sha256()));
        manifest.add("parts", hashes);
        AtomicFile.write(
                folders.records().resolve(MANIFEST),
                new GsonBuilder()
                                .setPrettyPrinting()
                                .disableHtmlEscaping()
                                .create()
                                .toJson(manifest) + "\n");
        AtomicFile.write(
                folders.imageFolder().resolve(LabelFile.NAME), labels(source, skipped, RepaFolders::imageName));
        // last: it makes the folder a set
        AtomicFile.write(folders.labels(), labels(source, skipped, RepaFolders::latentName));
    }

    /** As Python's {@code json.dumps} writes it. */
    private static String labels(PictureSet source, Set<Integer> skipped, IntFunction<String> name) {
        StringBuilder out = new StringBuilder("{\"labels\": [");
        String separator = "";
        for (int index = 0; index < source.size(); index++) {
            if (!skipped.contains(index)) {
                out.append(separator).append("[\"").append(name.apply(index)).append("\", ");
                out.append(source.picture(index).label()).append(']');
                separator = ", ";
            }
        }
        return out.append("]}").toString();
    }
}
