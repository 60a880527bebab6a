package io.github.maskalign.core.data.internal;

import java.nio.file.Path;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

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
}
