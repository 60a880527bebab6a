package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.data.internal.PreparedStore.PreparedSample;
import io.github.maskalign.core.data.internal.PreparedStore.TokenError;
import io.github.maskalign.core.files.SafetensorsWriter.WrittenFile;
import io.github.maskalign.core.files.internal.Digests;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** One safetensors file for each part, and an index. */
record ShardStore(Path folder) implements PreparedStore {
    @Override
    public Path records() {
        return folder;
    }

    @Override
    public Map<String, String> settings() {
        return Map.of();
    }

    @Override
    public void requireHolds(SampleLayout layout) throws PrepareException {
        RepaFolders other = RepaFolders.in(folder());
        if (RepaSet.isAt(other)) {
            throw new PrepareException(folder() + " holds a set in REPA's layout (" + other.latents()
                    + "), which this one would hide; choose another folder");
        }
    }

    @Override
    public Part begin(int part, SampleLayout layout, Map<String, String> settings) {
        ShardBuilder builder = new ShardBuilder(layout);
        return new Part() {
            @Override
            public void add(int index, PreparedSample sample) {
                builder.add(sample);
            }

            @Override
            public Content finish() throws IOException {
                WrittenFile written = builder.write(folder.resolve(ShardIndex.fileName(part)), settings);
                return new Content(builder.size(), written.byteSize(), written.sha256(), builder.tokenError());
            }
        };
    }

    @Override
    public long bytes(int part, Numbers numbers) throws IOException {
        Path file = folder.resolve(ShardIndex.fileName(part));
        return Files.exists(file) ? Files.size(file) : -1;
    }

    @Override
    public String sha256(int part, Numbers numbers) throws IOException {
        return Digests.sha256(folder.resolve(ShardIndex.fileName(part)));
    }

    @Override
    public void finish(
            SampleLayout layout,
            Map<String, String> settings,
            PictureSet source,
            List<Content> parts,
            Set<Integer> skipped)
            throws IOException {
        List<ShardIndex.Entry> entries = parts.stream()
                .map(part -> new ShardIndex.Entry(part.samples(), part.sha256()))
                .toList();
        Map<String, String> measured = new TreeMap<>(settings);
        if (layout.tokens() > 0) {
            TokenError error = parts.stream().map(Content::tokenError).reduce(TokenError.NONE, TokenError::plus);
            measured.put("tokens_relative_error", String.format(Locale.ROOT, "%.3e", error.relative()));
            measured.put("tokens_worst_cosine", String.format(Locale.ROOT, "%.6f", error.worstCosine()));
        }
        new ShardIndex(layout, measured, source.classes(), entries).write(folder);
    }
}
