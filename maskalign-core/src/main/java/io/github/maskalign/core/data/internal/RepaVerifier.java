package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.files.internal.Digests;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;
import java.util.stream.Stream;

/**
 * Reads a set in REPA's layout whole: pairs, labels, shapes, finite numbers, and the hashes in {@code maskalign/} if the
 * set was written by this library.
 */
public final class RepaVerifier {
    private static final int MOST_PROBLEMS = 100;

    private final RepaFolders folders;

    /** Prepares the check of a set. */
    public RepaVerifier(RepaFolders folders) {
        this.folders = folders;
    }

    /**
     * Reads everything.
     *
     * @param progress told the number of samples behind us
     * @return what is wrong, at most 100 sentences; empty if nothing is
     * @throws IOException if there is no set, or its files lack partners or labels
     */
    public List<String> problems(IntConsumer progress) throws IOException {
        List<String> problems = new ArrayList<>();
        try (RepaSet set = RepaSet.open(folders)) {
            float[] moments = new float[set.layout().momentValues()];
            byte[] image = new byte[set.layout().imageBytes()];
            for (int i = 0; i < set.size() && problems.size() < MOST_PROBLEMS; i++) {
                try {
                    set.readMoments(i, moments, 0);
                    requireFinite(set.name(i), moments, problems);
                    if (image.length > 0) {
                        set.readImage(i, image, 0);
                    }
                } catch (IOException e) {
                    problems.add(String.valueOf(e.getMessage()));
                }
                progress.accept(i + 1);
            }
            imageLabels(set, problems);
        }
        hashes(problems);
        return problems.subList(0, Math.min(problems.size(), MOST_PROBLEMS));
    }

    /** The labels of the pictures, which REPA writes and nobody trains with, must be those of the latents. */
    private void imageLabels(RepaSet set, List<String> problems) throws IOException {
        Path file = folders.imageFolder().resolve(LabelFile.NAME);
        if (!Files.exists(file)) {
            return;
        }
        Map<String, Integer> found;
        try {
            found = LabelFile.read(file).labels();
        } catch (PictureSetException e) {
            problems.add(String.valueOf(e.getMessage()));
            return;
        }
        for (int i = 0; i < set.size() && problems.size() < MOST_PROBLEMS; i++) {
            String name = set.imageName(i);
            Integer label = found.get(name);
            if (label == null || label != set.label(i)) {
                problems.add(file + ": " + name + " must have the label " + set.label(i) + " of its latent but has "
                        + (label == null ? "none" : label));
            }
        }
    }

    private static void requireFinite(String name, float[] values, List<String> problems) {
        for (float value : values) {
            if (!Float.isFinite(value)) {
                problems.add(name + ": the latent is not finite");
                return;
            }
        }
    }

    private void hashes(List<String> problems) throws IOException {
        if (!Files.isDirectory(folders.records())) {
            return;
        }
        List<Path> lists;
        try (Stream<Path> files = Files.list(folders.records())) {
            lists = files.filter(file -> file.toString().endsWith(".sha256"))
                    .sorted()
                    .toList();
        }
        for (Path list : lists) {
            for (String line : Files.readAllLines(list)) {
                String[] parts = line.split(" {2}", 2);
                if (parts.length != 2 || problems.size() >= MOST_PROBLEMS) {
                    problems.add(list + ": it must hold hashes and names but has the line " + line);
                    return;
                }
                Path file = (parts[1].endsWith(".npy") ? folders.latentFolder() : folders.imageFolder())
                        .resolve(parts[1])
                        .normalize();
                if (!file.startsWith(folders.root().normalize()) || !Files.exists(file)) {
                    problems.add(file + ": there is no such file, but " + list.getFileName() + " names it");
                } else if (!Digests.sha256(file).equals(parts[0])) {
                    problems.add(file + ": it is not as it was written");
                }
            }
        }
    }
}
