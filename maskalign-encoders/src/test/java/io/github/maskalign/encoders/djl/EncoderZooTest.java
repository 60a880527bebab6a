package io.github.maskalign.encoders.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.inference.Predictor;
import ai.djl.modality.cv.Image;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ModelNotFoundException;
import ai.djl.repository.zoo.ModelZoo;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.translate.TranslateException;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.RepresentationEncoder.EncoderTokens;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.Resampler.CentreCrop;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.encoders.vae.Autoencoder;
import io.github.maskalign.encoders.vae.NativeAutoencoder;
import io.github.maskalign.encoders.vae.VaeConfig;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** DJL finds the encoders by itself, and its predictors say what the encoders say. */
@Tag("device")
class EncoderZooTest {
    @TempDir
    Path folder;

    @Test
    void djlFindsTheZoo() {
        assertThat(ModelZoo.hasModelZoo(EncoderZoo.GROUP)).isTrue();
        assertThat(ModelZoo.getModelZoo(EncoderZoo.GROUP).getModelLoaders())
                .extracting(loader -> loader.getArtifactId())
                .containsExactlyInAnyOrder("emoji-vit", "emoji-judge", "encoder", "autoencoder");
    }

    @Test
    void predictorGivesTheJudgesFeature() throws Exception {
        Picture picture = picture(80, 70, 4);
        Criteria<Picture, float[]> criteria = Criteria.builder()
                .setTypes(Picture.class, float[].class)
                .optGroupId(EncoderZoo.GROUP)
                .optArtifactId("emoji-judge")
                .optDevice(Engine.getInstance().defaultDevice())
                .build();
        try (ZooModel<Picture, float[]> model = criteria.loadModel();
                Predictor<Picture, float[]> predictor = model.newPredictor();
                RepresentationEncoder judge =
                        Encoders.embeddedJudge(64, Engine.getInstance().defaultDevice());
                NDManager manager =
                        NDManager.newBaseManager(Engine.getInstance().defaultDevice())) {
            float[] predicted = predictor.predict(picture);

            EncoderTokens tokens = judge.encode(Picture.toNDArray(manager, List.of(CentreCrop.adm(picture, 64))));
            assertThat(predicted).isEqualTo(tokens.classToken().toFloatArray());
        }
    }

    @Test
    void predictorGivesTheTeachersTokens() throws Exception {
        List<Picture> pictures = List.of(picture(32, 32, 1), picture(32, 32, 2), picture(50, 40, 3));
        Criteria<Picture, NDList> criteria = Criteria.builder()
                .setTypes(Picture.class, NDList.class)
                .optGroupId(EncoderZoo.GROUP)
                .optArtifactId("emoji-vit")
                .optDevice(Engine.getInstance().defaultDevice())
                .build();
        try (ZooModel<Picture, NDList> model = criteria.loadModel();
                Predictor<Picture, NDList> predictor = model.newPredictor();
                RepresentationEncoder teacher =
                        Encoders.embeddedTeacher(64, Engine.getInstance().defaultDevice());
                NDManager manager =
                        NDManager.newBaseManager(Engine.getInstance().defaultDevice())) {
            List<NDList> predicted = predictor.batchPredict(pictures);

            EncoderTokens tokens = teacher.encode(Picture.toNDArray(
                    manager, List.of(pictures.get(0), pictures.get(1), CentreCrop.adm(pictures.get(2), 32))));
            for (int i = 0; i < pictures.size(); i++) {
                NDList found = predicted.get(i);
                assertThat(found.get(0).toFloatArray())
                        .isEqualTo(tokens.classToken().get(i).toFloatArray());
                assertThat(found.get(1).getShape()).isEqualTo(new Shape(64, 128));
                assertThat(found.get(1).toFloatArray())
                        .isEqualTo(tokens.patchTokens().get(i).toFloatArray());
                found.close();
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "dinov3, hf-mlp, dinov3",
        "siglip2, hf, siglip2",
        "perception-encoder, core, pe-core",
        "c-radio, original, c-radio"
    })
    void publishedTeachersAreOpenedByName(String topic, String name, String encoder) throws Exception {
        Path file = folder.resolve("weights.safetensors");
        try (NDManager manager = NDManager.newBaseManager()) {
            GoldenCase golden = GoldenCase.load(EncoderZooTest.class, topic, name, manager);
            SafetensorsWriter.write(file, StateDict.of(golden.under("weights/")), Map.of());
        }
        Criteria<Picture, NDList> criteria = Criteria.builder()
                .setTypes(Picture.class, NDList.class)
                .optGroupId(EncoderZoo.GROUP)
                .optArtifactId("encoder")
                .optDevice(Engine.getInstance().defaultDevice())
                .optArgument("path", file)
                .optArgument("model", encoder)
                .build();
        try (ZooModel<Picture, NDList> model = criteria.loadModel();
                Predictor<Picture, NDList> predictor = model.newPredictor();
                NDList tokens = predictor.predict(picture(60, 50, 7))) {
            assertThat(tokens.get(0).getShape()).isEqualTo(new Shape(32));
            assertThat(tokens.get(1).getShape()).isEqualTo(new Shape(256, 32));
            assertThat(tokens.get(0).abs().max().getFloat()).isPositive();
        }
    }

    @Test
    void djlsImagesHaveAnEmbedding() throws Exception {
        Picture picture = picture(64, 64, 4);
        Criteria<Image, float[]> criteria = Criteria.builder()
                .setTypes(Image.class, float[].class)
                .optGroupId(EncoderZoo.GROUP)
                .optArtifactId("emoji-vit")
                .optArgument("tokens", 256)
                .optDevice(Engine.getInstance().defaultDevice())
                .build();
        try (ZooModel<Image, float[]> model = criteria.loadModel();
                Predictor<Image, float[]> predictor = model.newPredictor();
                RepresentationEncoder teacher =
                        Encoders.embeddedTeacher(256, Engine.getInstance().defaultDevice());
                NDManager manager =
                        NDManager.newBaseManager(Engine.getInstance().defaultDevice())) {
            EncoderTokens tokens = teacher.encode(Picture.toNDArray(manager, List.of(CentreCrop.adm(picture, 32))));

            assertThat(predictor.predict(picture.toImage()))
                    .isEqualTo(tokens.classToken().toFloatArray());
        }
    }

    @Test
    void torchScriptFilesRunWithTheirHashAlone() throws Exception {
        Path file = folder.resolve("vit.pt");
        try (InputStream archive = Encoders.class.getResourceAsStream("emoji-vit.pt")) {
            Files.copy(archive, file);
        }
        String sha256 = JsonParser.parseString(Encoders.embeddedProvenance())
                .getAsJsonObject()
                .get("sha256")
                .getAsString();
        Picture picture = picture(32, 32, 5);
        Map<String, Object> named = Map.of("path", file, "preprocessing", "emoji-vit");
        try (ZooModel<Picture, float[]> model = encoder(named, Map.of("sha256", sha256));
                Predictor<Picture, float[]> predictor = model.newPredictor();
                RepresentationEncoder teacher =
                        Encoders.embeddedTeacher(64, Engine.getInstance().defaultDevice());
                NDManager manager =
                        NDManager.newBaseManager(Engine.getInstance().defaultDevice())) {
            assertThat(predictor.predict(picture))
                    .isEqualTo(teacher.encode(Picture.toNDArray(manager, List.of(picture)))
                            .classToken()
                            .toFloatArray());
        }

        assertThatThrownBy(() -> encoder(named, Map.of("sha256", "0".repeat(64))))
                .isInstanceOf(java.io.IOException.class)
                .hasMessageContaining("vit.pt");
        assertThatThrownBy(() -> encoder(named, Map.of()))
                .isInstanceOf(ModelNotFoundException.class)
                .hasRootCauseMessage(
                        "a TorchScript file is a program: the argument sha256 must be the hash of the one that may run");
    }

    @Test
    void whatIsMissingOrWrongIsNamed() {
        assertThatThrownBy(() -> encoder(Map.of(), Map.of()))
                .isInstanceOf(ModelNotFoundException.class)
                .hasRootCauseMessage("encoder needs the argument path, which says where the model is");
        assertThatThrownBy(() -> encoder(Map.of("path", folder.resolve("x.pt"), "model", "dinov9"), Map.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("dinov9");
        assertThatThrownBy(() -> encoder(Map.of("path", folder.resolve("x.pt"), "model", "dinov2-vit-b"), Map.of()))
                .isInstanceOf(java.io.IOException.class)
                .hasMessageContaining("x.pt");
        Criteria<String, String> texts = Criteria.builder()
                .setTypes(String.class, String.class)
                .optGroupId(EncoderZoo.GROUP)
                .build();
        assertThatThrownBy(texts::loadModel).isInstanceOf(ModelNotFoundException.class);
        Criteria<Picture, NDList> narrow = Criteria.builder()
                .setTypes(Picture.class, NDList.class)
                .optGroupId(EncoderZoo.GROUP)
                .optArtifactId("emoji-vit")
                .optArgument("side", 33)
                .build();
        assertThatThrownBy(narrow::loadModel)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("multiple of 4");
    }

    @Test
    void closedModelHasNoEncoder() throws Exception {
        ZooModel<Picture, float[]> model = Criteria.builder()
                .setTypes(Picture.class, float[].class)
                .optGroupId(EncoderZoo.GROUP)
                .optArtifactId("emoji-vit")
                .build()
                .loadModel();
        EncoderBlock block = (EncoderBlock) model.getBlock();
        model.close();
        try (NDManager manager = NDManager.newBaseManager(Engine.getInstance().defaultDevice())) {
            NDArray images = Picture.toNDArray(manager, List.of(picture(32, 32, 6)));

            assertThatThrownBy(() -> block.forwardInternal(null, new NDList(images), false, null))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("closed");
        }
    }

    @Test
    void autoencoderGoesBothWays() throws Exception {
        VaeConfig small = new VaeConfig(4, List.of(8, 8), 1, 4, true, true, 0.18215);
        Picture picture = picture(16, 16, 7);
        try (NativeAutoencoder untrained =
                NativeAutoencoder.untrained(small, Engine.getInstance().defaultDevice(), Precision.FLOAT32)) {
            untrained.save(folder);
        }
        try (Autoencoder vae =
                        NativeAutoencoder.open(folder, Engine.getInstance().defaultDevice(), Precision.FLOAT32);
                NDManager manager =
                        NDManager.newBaseManager(Engine.getInstance().defaultDevice());
                ZooModel<Picture, NDList> encoder = autoencoder(folder.toString(), Picture.class, NDList.class);
                ZooModel<NDList, Image> decoder = autoencoder(folder.toString(), NDList.class, Image.class);
                Predictor<Picture, NDList> encode = encoder.newPredictor();
                Predictor<NDList, Image> decode = decoder.newPredictor()) {
            NDArray latent = encode.predict(picture).singletonOrThrow();

            float[] expected = vae.scaling()
                    .toModel(vae.encode(Picture.toNDArray(manager, List.of(picture)))
                            .mean())
                    .toFloatArray();
            assertThat(latent.getShape()).isEqualTo(new Shape(4, 8, 8));
            assertThat(latent.toFloatArray()).containsExactly(expected, within(1e-5f));
            assertThat(decode.predict(new NDList(latent)).getWidth()).isEqualTo(16);
            assertThat(latent.toFloatArray()).containsExactly(expected, within(1e-5f)); // still the caller's
            latent.close();
        }
    }

    @Test
    void withoutAutoencoderPixelsComeBack() throws Exception {
        Picture picture = picture(8, 6, 8);
        try (ZooModel<Picture, Picture> model = autoencoder("none", Picture.class, Picture.class);
                Predictor<Picture, Picture> predictor = model.newPredictor()) {
            assertThat(predictor.predict(picture)).isEqualTo(picture);
        }
        try (ZooModel<NDList, Picture> model = autoencoder("none", NDList.class, Picture.class);
                Predictor<NDList, Picture> predictor = model.newPredictor();
                NDManager manager =
                        NDManager.newBaseManager(Engine.getInstance().defaultDevice())) {
            NDArray four = OwnedArrays.of(manager, new Shape(4, 1, 1), new float[4]);
            assertThatThrownBy(() -> predictor.predict(new NDList(four)))
                    .isInstanceOf(TranslateException.class)
                    .hasRootCauseInstanceOf(IllegalArgumentException.class);
        }
    }

    private static <I, O> ZooModel<I, O> autoencoder(String path, Class<I> in, Class<O> out) throws Exception {
        return Criteria.builder()
                .setTypes(in, out)
                .optGroupId(EncoderZoo.GROUP)
                .optArtifactId("autoencoder")
                .optDevice(Engine.getInstance().defaultDevice())
                .optArgument("path", path)
                .build()
                .loadModel();
    }

    private static ZooModel<Picture, float[]> encoder(Map<String, Object> arguments, Map<String, String> options)
            throws Exception {
        return Criteria.builder()
                .setTypes(Picture.class, float[].class)
                .optGroupId(EncoderZoo.GROUP)
                .optArtifactId("encoder")
                .optDevice(Engine.getInstance().defaultDevice())
                .optArguments(arguments)
                .optOptions(options)
                .build()
                .loadModel();
    }

    private static Picture picture(int width, int height, int seed) {
        byte[] bytes = new byte[3 * width * height];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (i * 31 * seed + (i % 7) * 9);
        }
        assertThat(Arrays.hashCode(bytes)).isNotZero();
        return Picture.of(width, height, bytes);
    }
}
