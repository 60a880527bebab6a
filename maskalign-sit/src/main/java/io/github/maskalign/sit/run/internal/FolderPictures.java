package io.github.maskalign.sit.run.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.ImageTensorData;
import io.github.maskalign.core.data.PictureSets;
import io.github.maskalign.core.data.internal.CroppedPictures;
import io.github.maskalign.core.data.internal.LabelFile;
import io.github.maskalign.core.data.internal.PictureSet;
import io.github.maskalign.core.files.internal.MessageText;
import io.github.maskalign.core.random.Draws;
import io.github.maskalign.sit.run.Progress;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.TrainingSource.TrainingPictures;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A user's own pictures ({@code data.kind: FOLDER}) as training data: cropped to the model's side, pixels are the latents. */
final class FolderPictures {
    private static final Logger LOG = LoggerFactory.getLogger(FolderPictures.class);
    private static final int LISTED = 5;

    private FolderPictures() {}

    /**
     * Opens the pictures, decoding them first where the cache does not hold them.
     *
     * @param defaultCache folder of the cache unless the config names another
     * @throws IllegalArgumentException if they do not fit the config; names the key and what is needed
     */
    static RunData open(RunConfig config, Path defaultCache, Draws draws, Progress.Display display) throws IOException {
        Path path = config.data().path().orElseThrow();
        int side = config.model().inputSize();
        CroppedPictures cropped;
        try (PictureSet set = PictureSets.open(path);
                Bar bar = new Bar(display)) {
            requireFits(config, set);
            Path cache = config.data().cache().orElse(defaultCache);
            cropped = CroppedPictures.open(path, set, side, cache, bar);
        }
        int[] counts = cropped.counts(path);
        requireBatch(config, cropped.size());
        ClassNames names = new ClassNames(cropped.classes());
        if (!cropped.skipped().isEmpty()) {
            LOG.warn(
                    "{}: {} pictures cannot be read and are left out: {}",
                    path,
                    cropped.skipped().size(),
                    String.join(
                            "; ",
                            cropped.skipped()
                                    .subList(
                                            0,
                                            Math.min(LISTED, cropped.skipped().size()))));
        }
        LOG.info("{} pictures at {} pixels in {} classes: {}", cropped.size(), side, counts.length, names.text());
        ImageTensorData plain =
                new ImageTensorData(cropped::copyInto, cropped.labels(), new Shape(3, side, side), draws);
        TrainingPictures pictures = new TrainingPictures(
                "pictures " + cropped.identity(),
                cropped.size(),
                side,
                (index, target) -> cropped.copyInto(index, target, 0));
        String attribution = "Trained on " + cropped.size() + " pictures of " + path + " (" + cropped.identity()
                + ") in the classes " + names.text() + "; their licences are those of the pictures.\n";
        return new RunData(
                config.data().flip() ? plain.withFlips() : plain,
                side,
                attribution,
                cropped.identity(),
                pictures,
                names,
                () -> {});
    }

    /** Checks the listing against the config, without decoding a picture. */
    static void check(RunConfig config) throws IOException {
        try (PictureSet set = PictureSets.open(config.data().path().orElseThrow())) {
            requireFits(config, set);
        }
    }

    private static void requireFits(RunConfig config, PictureSet set) throws IOException {
        Path path = config.data().path().orElseThrow();
        if (config.model().inChannels() != 3) {
            throw new IllegalArgumentException("model.inChannels must be 3 for data.kind FOLDER, red, green and blue,"
                    + " but was " + config.model().inChannels());
        }
        int[] counts = new int[set.classes().size()];
        for (int i = 0; i < set.size(); i++) {
            counts[set.picture(i).label()]++;
        }
        List<String> empty = emptyFolders(path, set);
        List<String> classes = new ArrayList<>();
        for (int label = 0; label < counts.length; label++) {
            String name = MessageText.visible(set.classes().get(label));
            classes.add(name + " " + counts[label]);
            if (counts[label] == 0) {
                empty.add(name);
            }
        }
        if (!empty.isEmpty()) {
            throw new IllegalArgumentException("data.path " + path + ": the class " + empty.get(0)
                    + " has no .jpg, .jpeg or .png; add pictures to it, or take it away");
        }
        if (config.model().numClasses() != counts.length) {
            throw new IllegalArgumentException("model.numClasses must be " + counts.length + " for data.path " + path
                    + " (" + new ClassNames(classes).text() + ") but was "
                    + config.model().numClasses());
        }
        requireBatch(config, set.size());
    }

    private static void requireBatch(RunConfig config, int pictures) {
        if (config.train().globalBatch() > pictures) {
            throw new IllegalArgumentException("train.globalBatch must be at most " + pictures
                    + ", the number of pictures of data.path "
                    + config.data().path().orElseThrow() + ", but was "
                    + config.train().globalBatch());
        }
    }

    /** The folders that would be a class if they held a picture. */
    private static List<String> emptyFolders(Path path, PictureSet set) throws IOException {
        List<String> empty = new ArrayList<>();
        boolean folders = Files.isDirectory(path)
                && !Files.exists(path.resolve(LabelFile.NAME))
                && set.picture(0).name().contains("/")
                && Files.isDirectory(path.resolve(set.classes().get(0))); // otherwise the classes are in archives
        if (folders) {
            try (Stream<Path> files = Files.list(path)) {
                files.filter(Files::isDirectory)
                        .map(file -> String.valueOf(file.getFileName()))
                        .filter(name -> !name.startsWith(".") && !set.classes().contains(name))
                        .sorted()
                        .forEach(name -> empty.add(MessageText.visible(name)));
            }
        }
        return empty;
    }

    /** Shows how far the decoding is, once there is something to decode. */
    private static final class Bar implements CroppedPictures.Listener, AutoCloseable {
        private final Progress.Display display;
        private @Nullable Progress progress;

        Bar(Progress.Display display) {
            this.display = display;
        }

        @Override
        public void onPicture(int done, int total) {
            if (progress == null) {
                progress = display.open(new Progress.Plan("decode", 0, total, 1, Math.max(1, total / 10)));
            }
            progress.step(done, Double.NaN);
        }

        @Override
        public void close() {
            if (progress != null) {
                progress.close();
            }
        }
    }
}
