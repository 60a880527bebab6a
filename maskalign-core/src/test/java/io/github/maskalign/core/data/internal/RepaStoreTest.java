package io.github.maskalign.core.data.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.maskalign.core.data.PictureSets;
import io.github.maskalign.core.data.PreparedSamples;
import io.github.maskalign.core.data.Preparer;
import io.github.maskalign.core.data.Preparer.PreparePlan;
import io.github.maskalign.core.data.internal.PictureSet.LabelledPicture;
import io.github.maskalign.core.data.internal.PreparedStore.PrepareException;
import io.github.maskalign.core.data.internal.PreparedStore.PreparedSample;
import io.github.maskalign.core.data.internal.PreparedStore.SkippedPicture;
import io.github.maskalign.core.data.internal.RepaFolders.RepaVerifier;
import io.github.maskalign.core.data.internal.SampleLayout.FloatCode;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureReader;
import io.github.maskalign.core.image.PictureWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RepaStoreTest {
    private static final int SIDE = 8;
    private static final PreparePlan PLAN = new PreparePlan(SIDE, 4, 3, 2);
    private static final Path FIXTURE = Path.of("src/test/resources/golden/repa_layout");

    @TempDir
    Path root;

    /** What NumPy and json wrote is written again byte for byte, and what Pillow wrote pixel for pixel. */
    @Test
    void theFilesAreThoseOfNumPyAndPillow() throws Exception {
        RepaFolders theirs = RepaFolders.in(FIXTURE);
        RepaFolders ours = RepaFolders.in(root);
        RepaStore store = new RepaStore(ours);
        Map<Integer, Integer> labels = new TreeMap<>();
        SampleLayout layout;
        try (RepaSet set = RepaSet.open(theirs)) {
            layout = set.layout();
            Files.createDirectories(ours.records());
            PreparedStore.Part part = store.begin(0, layout, Map.of());
            for (int i = 0; i < set.size(); i++) {
                float[] moments = new float[layout.momentValues()];
                byte[] image = new byte[layout.imageBytes()];
                set.readMoments(i, moments, 0);
                set.readImage(i, image, 0);
                int index = Integer.parseInt(set.name(i).replaceAll(".*-(\\d{8}).npy", "$1"));
                labels.put(index, set.label(i));
                part.add(index, new PreparedSample("any", set.label(i), moments, image, null));
            }
            Set<Integer> skipped = IntStream.range(0, 1004)
                    .filter(i -> !labels.containsKey(i))
                    .boxed()
                    .collect(Collectors.toSet());
            store.finish(layout, Map.of(), new Labels(labels), List.of(part.finish()), skipped);
        }

        for (int index : labels.keySet()) {
            assertThat(ours.latent(index)).hasSameBinaryContentAs(theirs.latent(index));
            assertThat(PictureReader.read(ours.image(index))).isEqualTo(PictureReader.read(theirs.image(index)));
            assertThat(Files.size(ours.image(index))).isGreaterThan(3 * SIDE * SIDE); // not compressed
        }
        assertThat(ours.labels()).hasSameBinaryContentAs(theirs.labels());
        assertThat(ours.imageFolder().resolve("dataset.json"))
                .hasSameBinaryContentAs(theirs.imageFolder().resolve("dataset.json"));
        assertThat(new RepaVerifier(ours).problems(done -> {})).isEmpty();
    }

    @Test
    void bothLayoutsHoldTheSameSamples() throws Exception {
        draw();
        Path shards = root.resolve("shards");
        Path repa = root.resolve("repa");
        prepare(PreparedStore.shards(shards), new FirstPixels(SIDE));
        List<SkippedPicture> skipped = prepare(PreparedStore.repa(RepaFolders.in(repa)), new FirstPixels(SIDE));

        assertThat(skipped).extracting(SkippedPicture::index).containsExactly(2);
        assertThat(repa.resolve("images/00000/img00000002.png")).doesNotExist();
        assertThat(repa.resolve("vae-sd/00000/img-mean-std-00000002.npy")).doesNotExist();
        try (PreparedSamples a = PreparedSamples.open(RepaFolders.in(shards));
                PreparedSamples b = PreparedSamples.open(RepaFolders.in(repa))) {
            assertThat(b.size()).isEqualTo(a.size()).isEqualTo(9);
            assertThat(b.layout()).isEqualTo(a.layout());
            assertThat(a.classNames()).hasSize(a.classes()).isEqualTo(b.classNames());
            for (int i = 0; i < a.size(); i++) {
                assertThat(b.label(i)).isEqualTo(a.label(i));
                assertThat(moments(b, i)).isEqualTo(moments(a, i));
                assertThat(image(b, i)).isEqualTo(image(a, i));
            }
        }
        assertThat(new RepaVerifier(RepaFolders.in(repa)).problems(done -> {})).isEmpty();
    }

    @Test
    void interruptedWorkGoesOnAndGivesTheSameFiles() throws Exception {
        draw();
        Path whole = root.resolve("whole");
        Path parts = root.resolve("parts");
        prepare(PreparedStore.repa(RepaFolders.in(whole)), new FirstPixels(SIDE));
        try (PictureSet set = PictureSets.open(root.resolve("pictures"))) {
            Preparer preparer =
                    new Preparer(set, new FirstPixels(SIDE), PLAN, PreparedStore.repa(RepaFolders.in(parts)));
            preparer.run(0, 1, (behind, computed, total) -> {
                if (behind >= 6) {
                    preparer.requestStop();
                }
            });
            assertThat(RepaSet.isAt(RepaFolders.in(parts))).isFalse();
        }
        Files.delete(parts.resolve("images/00000/img00000001.png")); // of the first part, which is finished
        FirstPixels counting = new FirstPixels(SIDE);
        prepare(PreparedStore.repa(RepaFolders.in(parts)), counting);

        assertThat(counting.count()).isEqualTo(9); // the first part again, and the two after it
        assertThat(content(parts)).isEqualTo(content(whole));
    }

    /** A flipped bit leaves the size as it is: only the hash tells. */
    @Test
    void resumingMakesADamagedPartAgain() throws Exception {
        draw();
        Path whole = root.resolve("whole");
        Path parts = root.resolve("parts");
        prepare(PreparedStore.repa(RepaFolders.in(whole)), new FirstPixels(SIDE));
        prepare(PreparedStore.repa(RepaFolders.in(parts)), new FirstPixels(SIDE));
        Path latent = RepaFolders.in(parts).latent(5);
        byte[] bytes = Files.readAllBytes(latent);
        bytes[bytes.length - 1] ^= 1;
        Files.write(latent, bytes);

        FirstPixels counting = new FirstPixels(SIDE);
        prepare(PreparedStore.repa(RepaFolders.in(parts)), counting);

        assertThat(counting.count()).isEqualTo(4); // the part of pictures 4 to 7
        assertThat(content(parts)).isEqualTo(content(whole));
    }

    @Test
    void whatKilledWritersLeftIsNoPartOfTheSet() throws Exception {
        draw();
        RepaFolders folders = RepaFolders.in(root.resolve("repa"));
        PreparedStore store = PreparedStore.repa(folders);
        prepare(store, new FirstPixels(SIDE));
        Path image = Files.write(folders.image(0).resolveSibling(".img00000000.png.tmp-0123456789abcdef"), new byte[3]);
        Path latent = Files.write(
                folders.latent(0).resolveSibling(".img-mean-std-00000000.npy.tmp-0123456789abcdef"), new byte[3]);

        assertThat(new RepaVerifier(folders).problems(done -> {})).isEmpty();
        prepare(store, new FirstPixels(SIDE));

        assertThat(image).doesNotExist();
        assertThat(latent).doesNotExist();
    }

    @Test
    void damageIsFound() throws Exception {
        draw();
        Path repa = root.resolve("repa");
        prepare(PreparedStore.repa(RepaFolders.in(repa)), new FirstPixels(SIDE));
        Path latent = repa.resolve("vae-sd/00000/img-mean-std-00000004.npy");
        byte[] bytes = Files.readAllBytes(latent);
        bytes[bytes.length - 1] ^= 1;
        Files.write(latent, bytes);

        assertThat(new RepaVerifier(RepaFolders.in(repa)).problems(done -> {}))
                .singleElement()
                .asString()
                .contains("img-mean-std-00000004.npy", "not as it was written");
    }

    @Test
    void twoLayoutsDoNotShareAFolder() throws Exception {
        draw();
        Path repa = root.resolve("repa");
        Path shards = root.resolve("shards");
        prepare(PreparedStore.repa(RepaFolders.in(repa)), new FirstPixels(SIDE));
        prepare(PreparedStore.shards(shards), new FirstPixels(SIDE));

        assertThatThrownBy(() -> prepare(PreparedStore.shards(repa), new FirstPixels(SIDE)))
                .isInstanceOf(PrepareException.class)
                .hasMessageContaining(repa + " holds a set in REPA's layout (vae-sd)");
        assertThatThrownBy(() -> prepare(PreparedStore.repa(RepaFolders.in(shards)), new FirstPixels(SIDE)))
                .isInstanceOf(PrepareException.class)
                .hasMessageContaining(shards + " holds a set of shards (index.safetensors)");
    }

    @Test
    void labelsOfPicturesMustBeThoseOfLatents() throws Exception {
        draw();
        RepaFolders folders = RepaFolders.in(root.resolve("repa"));
        prepare(PreparedStore.repa(folders), new FirstPixels(SIDE));
        Path labels = folders.imageFolder().resolve("dataset.json");
        String right = Files.readString(labels);

        Files.writeString(labels, right.replaceFirst("(img00000000.png\", *)0", "$11"));
        assertThat(new RepaVerifier(folders).problems(done -> {}))
                .containsExactly(labels + ": 00000/img00000000.png must have the label 0 of its latent but has 1");

        Files.writeString(labels, "{");
        assertThat(new RepaVerifier(folders).problems(done -> {}))
                .singleElement()
                .asString()
                .startsWith(labels.toString());
    }

    @Test
    void whatRepaCannotHoldIsRefused() throws Exception {
        draw();
        try (PictureSet set = PictureSets.open(root.resolve("pictures"))) {
            PictureEncoder halves = new FirstPixels(SIDE) {
                @Override
                public SampleLayout layout() {
                    return new SampleLayout(1, 1, FloatCode.FLOAT16, SIDE, 0, 0, FloatCode.FLOAT16);
                }
            };
            Preparer preparer =
                    new Preparer(set, halves, PLAN, PreparedStore.repa(RepaFolders.in(root.resolve("repa"))));

            assertThatThrownBy(() -> preparer.run(0, 1, (done, computed, total) -> {}))
                    .isInstanceOf(PrepareException.class)
                    .hasMessageContaining("pictures and float32 latents");
        }
    }

    /** Ten pictures in two classes, of which the third is none. */
    private void draw() throws IOException {
        Random random = new Random(3);
        for (int i = 0; i < 10; i++) {
            Path file = root.resolve("pictures").resolve((i < 5 ? "a/" : "b/") + (10 + i) + ".png");
            Files.createDirectories(file.getParent());
            byte[] pixels = new byte[(9 + i) * 12 * 3];
            random.nextBytes(pixels);
            PictureWriter.write(file, Picture.of(9 + i, 12, pixels), PictureWriter.Packing.STORED);
            if (i == 2) {
                Files.writeString(file, "not a picture");
            }
        }
    }

    private List<SkippedPicture> prepare(PreparedStore store, PictureEncoder encoder) throws IOException {
        try (PictureSet set = PictureSets.open(root.resolve("pictures"))) {
            Preparer preparer = new Preparer(set, encoder, PLAN, store);
            assertThat(preparer.run(0, 1, (done, computed, total) -> {})).isTrue();
            return preparer.finish();
        }
    }

    private static float[] moments(PreparedSamples set, int i) throws IOException {
        float[] out = new float[set.layout().momentValues()];
        set.readMoments(i, out, 0);
        return out;
    }

    private static byte[] image(PreparedSamples set, int i) throws IOException {
        byte[] out = new byte[set.layout().imageBytes()];
        set.readImage(i, out, 0);
        return out;
    }

    private static Map<String, String> content(Path folder) throws IOException {
        Map<String, String> out = new TreeMap<>();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                out.put(folder.relativize(file).toString(), Digests.sha256(file));
            }
        }
        return out;
    }

    /** A source that knows labels alone. */
    private record Labels(Map<Integer, Integer> labels) implements PictureSet {
        @Override
        public List<String> classes() {
            return new TreeSet<>(labels.values()).stream().map(String::valueOf).toList();
        }

        @Override
        public int size() {
            return 1004;
        }

        @Override
        public LabelledPicture picture(int index) {
            return new LabelledPicture("any", labels.getOrDefault(index, 0));
        }

        @Override
        public byte[] read(int index) {
            throw new IllegalStateException("not needed");
        }

        @Override
        public void close() {}
    }
}
