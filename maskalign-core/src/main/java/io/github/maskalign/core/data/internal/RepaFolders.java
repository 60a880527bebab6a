package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.data.internal.PictureSet.PictureSetException;
import io.github.maskalign.core.files.internal.Digests;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.IntConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Where REPA's preprocessing puts things, and its trainer looks for them.
 *
 * <pre>
 * ROOT/images/00000/img00000000.png           RGB, not compressed, square
 * ROOT/images/dataset.json                    {"labels": [["00000/img00000000.png", 3], ...]}
 * ROOT/vae-sd/00000/img-mean-std-00000000.npy float32 (2C, H, W): mean before standard deviation
 * ROOT/vae-sd/dataset.json                    {"labels": [["00000/img-mean-std-00000000.npy", 3], ...]}
 * </pre>
 *
 * <p>A folder holds the thousand files whose index begins with its five digits. Our records of the work lie in
 * {@code ROOT/maskalign}, where REPA's code does not look. Source: REPA (arXiv 2410.06940), {@code dataset.py} and
 * {@code preprocessing/dataset_tools.py}.
 *
 * @param root the folder that is given to the trainer
 * @param images name of the folder of pictures; REG's trainer reads {@code imagenet_256_vae}
 * @param latents name of the folder of latents
 */
public record RepaFolders(Path root, String images, String latents) {
    /** Usual name of the folder of pictures. */
    public static final String IMAGES = "images";
    /** Usual name of the folder of latents. */
    public static final String LATENTS = "vae-sd";

    private static final String RECORDS = "maskalign";
    private static final int IN_FOLDER = 1000;
    private static final Pattern IMAGE_NAME = Pattern.compile("(\\d{5})/img(\\d{8})\\.png");
    private static final Pattern LATENT_NAME = Pattern.compile("(\\d{5})/img-mean-std-(\\d{8})\\.npy");

    /** @throws IllegalArgumentException if a name is no plain name of a folder, or they are the same */
    public RepaFolders {
        for (String name : new String[] {images, latents}) {
            if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]*") || name.equals(RECORDS)) {
                throw new IllegalArgumentException("folders of pictures and latents must have plain names other than "
                        + RECORDS + " but one was " + name);
            }
        }
        if (images.equals(latents)) {
            throw new IllegalArgumentException(
                    "pictures and latents must have different folders but both were " + images);
        }
    }

    /** The usual names. */
    public static RepaFolders in(Path root) {
        return new RepaFolders(root, IMAGES, LATENTS);
    }

    /** Returns the folder of pictures. */
    public Path imageFolder() {
        return root.resolve(images);
    }

    /** Returns the folder of latents. */
    public Path latentFolder() {
        return root.resolve(latents);
    }

    /** Returns the label file of the latents, which makes a folder such a set. */
    public Path labels() {
        return latentFolder().resolve(LabelFile.NAME);
    }

    /** Returns where the records of the work lie. */
    public Path records() {
        return root.resolve(RECORDS);
    }

    /** Returns the name of a picture in its folder. */
    public static String imageName(int index) {
        return String.format(Locale.ROOT, "%05d/img%08d.png", index / IN_FOLDER, index);
    }

    /** Returns the name of a latent in its folder. */
    public static String latentName(int index) {
        return String.format(Locale.ROOT, "%05d/img-mean-std-%08d.npy", index / IN_FOLDER, index);
    }

    /** Returns the file of a picture. */
    public Path image(int index) {
        return imageFolder().resolve(imageName(index));
    }

    /** Returns the file of a latent. */
    public Path latent(int index) {
        return latentFolder().resolve(latentName(index));
    }

    /** Returns the index in the name of a picture; empty if it is not named like one. */
    static OptionalInt imageIndex(String name) {
        return index(IMAGE_NAME.matcher(name.toLowerCase(Locale.ROOT)));
    }

    /** Returns the index in the name of a latent; empty if it is not named like one. */
    static OptionalInt latentIndex(String name) {
        return index(LATENT_NAME.matcher(name.toLowerCase(Locale.ROOT)));
    }

    private static OptionalInt index(Matcher name) {
        if (!name.matches()) {
            return OptionalInt.empty();
        }
        int index = Integer.parseInt(name.group(2));
        return index / IN_FOLDER == Integer.parseInt(name.group(1)) ? OptionalInt.of(index) : OptionalInt.empty();
    }

    /**
     * Reads a set in REPA's layout whole: pairs, labels, shapes, finite numbers, and the hashes in {@code maskalign/} if the
     * set was written by this library.
     */
    public static final class RepaVerifier {
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
}
