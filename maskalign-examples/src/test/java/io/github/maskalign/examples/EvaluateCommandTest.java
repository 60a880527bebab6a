package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.core.files.NpzWriter;
import io.github.maskalign.core.files.NpzWriter.RowStream;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.internal.Streams;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureWriter;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command on small pictures and the embedded teacher, which takes 32 × 32 pixels and has 128 features. */
class EvaluateCommandTest {
    private final CommandRun command = new CommandRun();

    @TempDir
    private Path folder;

    private Path reference;
    private Path near;
    private Path far;

    @BeforeEach
    void drawPictures() throws IOException {
        reference = pictures("reference", 40, 1, 40, 32);
        near = pictures("near", 30, 2, 40, 32);
        far = pictures("far", 30, 3, 200, 32);
    }

    @Test
    void closeSamplesScoreBetterThanDistantOnes() {
        JsonObject good = json(against(near, "--json"));
        JsonObject bad = json(against(far, "--json"));

        assertThat(value(good, "fd_embedded_teacher")).isLessThan(value(bad, "fd_embedded_teacher"));
        assertThat(value(good, "kd_embedded_teacher")).isLessThan(value(bad, "kd_embedded_teacher"));
        assertThat(value(good, "precision")).isGreaterThan(value(bad, "precision"));
        assertThat(good.getAsJsonObject("metrics").keySet())
                .containsExactlyInAnyOrder("fd_embedded_teacher", "kd_embedded_teacher", "precision", "recall");
        assertThat(good.getAsJsonObject("metrics")
                        .getAsJsonObject("fd_embedded_teacher")
                        .get("title")
                        .getAsString())
                .isEqualTo("Fréchet distance (not FID)");
        assertThat(good.getAsJsonArray("warnings").toString())
                .contains("There are 30 samples", "singular and fd_embedded_teacher far from its limit")
                .doesNotContain("fid");
        assertThat(good.getAsJsonObject("settings").get("metrics").getAsString())
                .isEqualTo("fd_embedded_teacher,precision,recall,kd_embedded_teacher");
        assertThat(good.getAsJsonObject("provenance").get("pytorch").getAsString())
                .isNotEmpty();
    }

    @Test
    void judgeScoresUnderItsOwnName() {
        JsonObject good = json(judged(near, "--metrics", "fid,kid", "--json"));
        JsonObject bad = json(judged(far, "--metrics", "fid,kid", "--json"));

        assertThat(good.getAsJsonObject("metrics").keySet()).containsExactly("fd_judge", "kd_judge");
        assertThat(value(good, "fd_judge")).isLessThan(value(bad, "fd_judge"));
        assertThat(value(good, "kd_judge")).isLessThan(value(bad, "kd_judge"));
        refuses("tell of a file, which --encoder judge has not", judged(near, "--sha256", "00"));
    }

    @Test
    void folderAndNpzAndBatchesGiveTheSameNumbers() throws IOException {
        Path npz = npz("samples.npz", near, 30, 32);
        Path referenceNpz = npz("reference.npz", reference, 40, 32);

        JsonObject one = json(against(near, "--json"));
        JsonObject other = json(compare(referenceNpz, npz, "--json", "--batch", "7"));

        for (String metric : one.getAsJsonObject("metrics").keySet()) {
            // batches of another size round differently in the network
            assertThat(value(other, metric)).isCloseTo(value(one, metric), within(1e-4));
        }
        assertThat(other.getAsJsonObject("samples").get("resolution").getAsString())
                .isEqualTo("32x32");
    }

    @Test
    void storedReferenceGivesTheSameNumbers() throws IOException {
        Path stored = folder.resolve("reference.safetensors");
        Path result = folder.resolve("result.json");

        assertThat(run("--reference", reference, "--make-reference", stored, "--encoder", "embedded"))
                .isZero();
        JsonObject direct = json(against(near, "--json"));
        JsonObject again = json(compare(stored, near, "--json", "--out", result));

        for (String metric : direct.getAsJsonObject("metrics").keySet()) {
            assertThat(value(again, metric)).isEqualTo(value(direct, metric));
        }
        assertThat(JsonParser.parseString(Files.readString(result))).isEqualTo(again);
    }

    @Test
    void npzStatisticsHaveNoFeaturesSoNeighboursAreLeftOutOrRefused() {
        Path stored = folder.resolve("statistics.npz");

        assertThat(run("--reference", reference, "--make-reference", stored, "--encoder", "embedded"))
                .isZero();
        JsonObject found = json(compare(stored, near, "--json"));

        assertThat(found.getAsJsonObject("metrics").keySet()).containsExactly("fd_embedded_teacher");
        assertThat(found.getAsJsonArray("warnings").toString()).contains("does not say whose features");
        refuses("cannot be measured with embedded teacher", compare(stored, near, "--metrics", "fid,precision"));
    }

    @Test
    void textTellsNumbersErrorsAndWarnings() {
        assertThat(run(against(near))).isZero();

        assertThat(command.out())
                .contains("fd_embedded_teacher", "Fréchet distance (not FID)", "±", "jackknife over 10 groups")
                .contains("30 samples of", "features of embedded teacher", "warning: There are 30 samples");
    }

    @Test
    void picturesThatCannotBeScoredAreRefused() throws IOException {
        Path empty = Files.createDirectory(folder.resolve("empty"));
        Path mixed = pictures("mixed", 5, 4, 40, 32);
        write(mixed.resolve("zzz.png"), new Random(1), 40, 16);
        Path alpha = pictures("alpha", 3, 4, 40, 32);
        ImageIO.write(
                new BufferedImage(32, 32, BufferedImage.TYPE_INT_ARGB),
                "png",
                alpha.resolve("zzz.png").toFile());
        Path torn = pictures("torn", 3, 4, 40, 32);
        Path last = torn.resolve("000002.png");
        Files.write(last, Arrays.copyOf(Files.readAllBytes(last), 300));
        Path small = pictures("small", 5, 5, 40, 16);
        Path run = Files.createDirectory(folder.resolve("run"));
        Files.writeString(run.resolve("config.yaml"), "name: x\n");
        Path unknown = folder.resolve("nothing");

        refusesSamples("holds no pictures", empty);
        refusesSamples("all pictures of a set must have the same size", mixed);
        refusesSamples("has an alpha channel", alpha);
        refusesSamples("cannot be read as a picture", torn);
        refusesSamples("numbers are compared at one resolution", small);
        refusesSamples("is a run without samples", run);
        refusesSamples("file not found", unknown);
    }

    @Test
    void greyPicturesAreThreeEqualChannels() throws IOException {
        Path grey = Files.createDirectory(folder.resolve("grey"));
        Path colour = Files.createDirectory(folder.resolve("colour"));
        Random random = new Random(9);
        for (int i = 0; i < 6; i++) {
            BufferedImage image = new BufferedImage(32, 32, BufferedImage.TYPE_BYTE_GRAY);
            byte[] pixels = new byte[32 * 32 * 3];
            for (int p = 0; p < 32 * 32; p++) {
                int level = random.nextInt(256);
                image.getRaster().setSample(p % 32, p / 32, 0, level);
                pixels[3 * p] = pixels[3 * p + 1] = pixels[3 * p + 2] = (byte) level;
            }
            ImageIO.write(image, "png", grey.resolve(i + ".png").toFile());
            PictureWriter.write(colour.resolve(i + ".png"), Picture.of(32, 32, pixels), PictureWriter.Packing.STORED);
        }

        JsonObject a = json(against(grey, "--json"));
        JsonObject b = json(against(colour, "--json"));

        assertThat(a.get("metrics")).isEqualTo(b.get("metrics"));
    }

    @Test
    void runFolderGivesItsSamples() throws IOException {
        Path run = Files.createDirectory(folder.resolve("run"));
        Files.writeString(run.resolve("config.yaml"), "name: x\n");
        write(run.resolve("preview.png"), new Random(1), 40, 64); // not a sample
        Files.move(near, run.resolve("samples"));

        JsonObject found = json(against(run, "--json"));

        assertThat(found.getAsJsonObject("samples").get("pictures").getAsString())
                .isEqualTo("30");
    }

    @Test
    void npzFilesThatHoldNoPicturesAreRefused() throws IOException {
        TensorSource floats = TensorSource.of(new Shape(1, 32, 32, 3), new float[32 * 32 * 3]);
        Path real = folder.resolve("real.npz");
        NpzWriter.write(real, Map.of("arr_0", floats));
        Path other = folder.resolve("other.npz");
        NpzWriter.write(other, Map.of("images", floats));
        Path grey = folder.resolve("grey.npz");
        NpzWriter.write(grey, Map.of("arr_0", bytes(new Shape(2, 32, 32, 1), new byte[2 * 32 * 32])));
        Path torn = npz("torn.npz", near, 30, 32);
        Files.write(torn, Arrays.copyOf(Files.readAllBytes(torn), 5_000));

        refusesSamples("arr_0 must be uint8 of shape (N, H, W, 3) but is F32", real);
        refusesSamples("there is no array", other);
        refusesSamples("arr_0 must be uint8 of shape (N, H, W, 3) but is U8 of (2, 32, 32, 1)", grey);
        refusesSamples("torn.npz", torn);
    }

    @Test
    void brokenStatisticsAreRefused() throws IOException {
        Path nan = folder.resolve("nan.npz");
        NpzWriter.write(
                nan,
                Map.of(
                        "mu", TensorSource.of(new Shape(2), new float[] {0, Float.NaN}),
                        "sigma", TensorSource.of(new Shape(2, 2), new float[] {1, 0, 0, 1})));
        Path narrow = folder.resolve("narrow.safetensors");
        SafetensorsWriter.write(
                narrow,
                StateDict.ofTensors(Map.of(
                        "mu", TensorSource.of(new Shape(2), new float[2]),
                        "sigma", TensorSource.of(new Shape(2, 2), new float[] {1, 0, 0, 1}))),
                Map.of());

        refuses("must be finite", compare(nan, near));
        refuses("the reference has 2 pooled features but the samples have 128", compare(narrow, near));
    }

    @Test
    void otherFeaturesAreNotCompared() throws IOException {
        Path stored = folder.resolve("other.safetensors");
        int width = 128;
        float[] sigma = new float[width * width];
        for (int i = 0; i < width; i++) {
            sigma[i * width + i] = 1;
        }
        SafetensorsWriter.write(
                stored,
                StateDict.ofTensors(Map.of(
                        "mu", TensorSource.of(new Shape(width), new float[width]),
                        "sigma", TensorSource.of(new Shape(width, width), sigma))),
                Map.of("feature_space", "inception-2015/adm/00", "resolution", "32x32"));

        refuses("the reference holds features of inception-2015/adm/00", compare(stored, near));
    }

    @Test
    void aChangedBitGivesNoNumber() throws IOException {
        Path file = npz("flipped.npz", near, 5, 32);
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length / 2] ^= 1;
        Files.write(file, bytes);

        refusesSamples("flipped.npz, array \"arr_0\": the data is damaged", file);
    }

    @Test
    void referenceOfOnePictureIsRefused() throws IOException {
        Path one = pictures("one", 1, 4, 40, 32);
        String message = "the reference " + one + " must have at least 2 pictures but has 1";

        refuses(message, compare(one, near));
        refuses(message, "--reference", one, "--make-reference", folder.resolve("x.npz"), "--encoder", "embedded");
    }

    @Test
    void largestBatchIsAllPictures() throws IOException {
        Path few = pictures("few", 4, 4, 40, 32);

        assertThat(run(compare(few, few, "--batch", Integer.MAX_VALUE)))
                .as(command.err())
                .isZero();
    }

    @Test
    void wrongOptionsAreRefusedBeforeAnythingIsComputed() {
        refuses("whose features?", "--reference", reference, "--samples", near);
        refuses("not both", against(near, "--inception", near));
        refuses("--samples is missing", "--reference", reference, "--encoder", "embedded");
        refuses("--reference is missing", "--samples", near, "--encoder", "embedded");
        refuses("which --encoder embedded has not", against(near, "--sha256", "abc"));
        refuses(folder + " is a folder; name a file in it", against(near, "--out", folder));
        refuses("the folder of ", against(near, "--out", folder.resolve("no/x.json")));
        refuses("must end in .safetensors or .npz", against(near, "--make-reference", folder.resolve("x.txt")));
        refuses(
                "--make-reference needs a folder",
                "--samples",
                near,
                "--encoder",
                "embedded",
                "--make-reference",
                folder.resolve("x"));
        refuses("a suite must be one of adm, pytorch-fid but was tf", against(near, "--suite", "tf"));
        refuses("a metric must be one of", against(near, "--metrics", "fid,lpips"));
        refuses("cannot be measured", against(near, "--metrics", "sfid"));
        refuses("--batch must be at least 1 but was 0", against(near, "--batch", "0"));
        refuses("--device must be cpu or gpu", against(near, "--device", "tpu"));
    }

    @Test
    void fileThatIsNotTheInceptionNetworkIsRefused() throws IOException {
        StateDict other = StateDict.ofTensors(Map.of("x", TensorSource.of(new Shape(1), new float[1])));
        Path weights = folder.resolve("weights.safetensors");
        SafetensorsWriter.write(weights, other, Map.of());
        Path old = folder.resolve("weights.pth"); // of the format that pytorch-fid's file has
        Streams.write(old, other);

        for (Path file : List.of(weights, old)) {
            refuses(
                    "\"Conv2d_1a_3x3.conv.weight\" with shape (32, 3, 3, 3) is missing",
                    "--reference",
                    reference,
                    "--samples",
                    near,
                    "--inception",
                    file);
        }
    }

    private void refusesSamples(String message, Path samples) {
        refuses(message, against(samples));
    }

    private void refuses(String message, Object... args) {
        assertThat(run(args)).as(command.err()).isEqualTo(2);
        assertThat(command.err()).startsWith("error: ").contains(message).doesNotContain("\tat ");
        assertThat(command.out()).isEmpty();
    }

    private Object[] judged(Path samples, Object... more) {
        Object[] args = {"--reference", reference, "--samples", samples, "--encoder", "judge"};
        return Stream.concat(Stream.of(args), Stream.of(more)).toArray();
    }

    private Object[] against(Path samples, Object... more) {
        return compare(reference, samples, more);
    }

    private static Object[] compare(Path reference, Path samples, Object... more) {
        Object[] args = {"--reference", reference, "--samples", samples, "--encoder", "embedded"};
        return Stream.concat(Stream.of(args), Stream.of(more)).toArray();
    }

    private JsonObject json(Object... args) {
        assertThat(run(args)).as(command.err()).isZero();
        return JsonParser.parseString(command.out()).getAsJsonObject();
    }

    private int run(Object... args) {
        return command.run(Stream.concat(Stream.of("evaluate"), Stream.of(args)).toArray());
    }

    private static double value(JsonObject result, String metric) {
        return result.getAsJsonObject("metrics")
                .getAsJsonObject(metric)
                .get("value")
                .getAsDouble();
    }

    /** Blobs on noise around a level. */
    private Path pictures(String name, int count, long seed, int level, int side) throws IOException {
        Path target = Files.createDirectory(folder.resolve(name));
        Random random = new Random(seed);
        for (int i = 0; i < count; i++) {
            write(target.resolve(String.format("%06d.png", i)), random, level, side);
        }
        return target;
    }

    private static void write(Path file, Random random, int level, int side) throws IOException {
        byte[] pixels = new byte[side * side * 3];
        int centre = random.nextInt(side);
        for (int p = 0; p < pixels.length; p++) {
            int distance = Math.abs(p / 3 % side - centre) + Math.abs(p / 3 / side - centre);
            pixels[p] = (byte) Math.min(255, level + random.nextInt(20) + Math.max(0, 100 - 10 * distance));
        }
        PictureWriter.write(file, Picture.of(side, side, pixels), PictureWriter.Packing.STORED);
    }

    private Path npz(String name, Path pictures, int count, int side) throws IOException {
        byte[] all = new byte[count * side * side * 3];
        for (int i = 0; i < count; i++) {
            BufferedImage image =
                    ImageIO.read(pictures.resolve(String.format("%06d.png", i)).toFile());
            for (int p = 0; p < side * side; p++) {
                int rgb = image.getRGB(p % side, p / side);
                int at = (i * side * side + p) * 3;
                all[at] = (byte) (rgb >> 16);
                all[at + 1] = (byte) (rgb >> 8);
                all[at + 2] = (byte) rgb;
            }
        }
        Path file = folder.resolve(name);
        NpzWriter.write(file, Map.of("arr_0", bytes(new Shape(count, side, side, 3), all)));
        return file;
    }

    private static TensorSource bytes(Shape shape, byte[] values) {
        return new RowStream(TensorType.U8, shape, sink -> sink.accept(ByteBuffer.wrap(values)));
    }
}
