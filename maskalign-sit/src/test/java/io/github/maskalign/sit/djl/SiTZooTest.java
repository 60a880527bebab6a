package io.github.maskalign.sit.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.inference.Predictor;
import ai.djl.modality.cv.Image;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ModelNotFoundException;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.translate.TranslateException;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureReader;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.sample.Guidance;
import io.github.maskalign.core.sample.SamplerConfig;
import io.github.maskalign.core.sample.SamplerConfig.SamplerMethod;
import io.github.maskalign.encoders.vae.NativeAutoencoder;
import io.github.maskalign.encoders.vae.VaeConfig;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.TinySiT;
import io.github.maskalign.sit.run.SamplingRun;
import io.github.maskalign.sit.weights.SiTWeights;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** DJL's predictors draw the pictures that this library's own sampling draws. */
class SiTZooTest {
    private static final SamplerConfig HOW =
            SamplerConfig.defaults().withMethod(SamplerMethod.EULER_MARUYAMA, 4).withGuidance(new Guidance(2, 0, 0, 1));

    @TempDir
    Path folder;

    private Path weights;

    @BeforeEach
    void save() throws IOException {
        weights = save(TinySiT.reg());
    }

    private Path save(SiTConfig config) throws IOException {
        Path file = folder.resolve("snapshot-0000007.safetensors");
        try (NDManager manager = NDManager.newBaseManager(Device.cpu())) {
            SiTWeights.save(TinySiT.moved(config, manager), file);
        }
        return file;
    }

    @Test
    void predictorDrawsThePicturesOfASamplingRun() throws Exception {
        List<Integer> classes = List.of(4, 0, 2);
        Path pngs = SamplingRun.open(weights)
                .withPictures(3, 9)
                .withLabels(classes)
                .withBatch(3)
                .withSampling((own, model) -> HOW)
                .folder(folder.resolve("pictures"));

        try (ZooModel<Integer, Picture> model =
                        load(Integer.class, Picture.class, Map.of("path", weights, "sampler", HOW, "seed", 9));
                Predictor<Integer, Picture> predictor = model.newPredictor()) {
            List<Picture> drawn = predictor.batchPredict(classes);

            for (int i = 0; i < 3; i++) {
                assertThat(drawn.get(i)).isEqualTo(PictureReader.read(pngs.resolve("00000" + i + ".png")));
            }
            assertThat(drawn.get(0)).isNotEqualTo(drawn.get(1));
            Picture fourth = predictor.predict(4);
            assertThat(fourth).isNotEqualTo(drawn.get(0)); // the next number has other noise
        }
    }

    @Test
    void namesLeadToClasses() throws Exception {
        List<String> names = List.of("ant", "bee", "cat", "dog", "elk");
        Map<String, Object> arguments =
                Map.of("path", folder, "classes", names, "steps", "3", "cfg", "1.5"); // the newest of a folder
        try (ZooModel<String, Image> named = load(String.class, Image.class, arguments);
                ZooModel<Integer, Picture> numbered =
                        load(Integer.class, Picture.class, Map.of("path", weights, "steps", 3, "cfg", 1.5));
                Predictor<String, Image> byName = named.newPredictor();
                Predictor<Integer, Picture> byNumber = numbered.newPredictor()) {
            assertThat(Picture.ofImage(byName.predict("dog"))).isEqualTo(byNumber.predict(3));
            assertThatThrownBy(() -> byName.predict("fox"))
                    .isInstanceOf(TranslateException.class)
                    .hasRootCauseMessage("the class must be one of [ant, bee, cat, dog, elk] but was fox");
            assertThatThrownBy(() -> byNumber.predict(5))
                    .isInstanceOf(TranslateException.class)
                    .hasRootCauseMessage("classes must be in [0, 4] but one was 5");
        }
    }

    @Test
    void latentsNeedNoAutoencoderAndPicturesDo() throws Exception {
        SiTConfig latent = SiTConfig.of(8, 2, 4, 24, 2, 3, 5);
        Path file = save(latent);
        VaeConfig small = new VaeConfig(4, List.of(8, 8), 1, 4, true, true, 0.18215);
        try (NativeAutoencoder vae = NativeAutoencoder.untrained(small, Device.cpu(), Precision.FLOAT32)) {
            vae.save(folder);
        }
        try (ZooModel<Integer, NDList> model = load(Integer.class, NDList.class, Map.of("path", file, "steps", 2));
                Predictor<Integer, NDList> predictor = model.newPredictor()) {
            NDList drawn = predictor.predict(1);
            assertThat(drawn.singletonOrThrow().getShape()).isEqualTo(new Shape(4, 8, 8));
            drawn.close();
        }
        try (ZooModel<Integer, Picture> model =
                        load(Integer.class, Picture.class, Map.of("path", file, "steps", 2, "autoencoder", folder));
                Predictor<Integer, Picture> predictor = model.newPredictor()) {
            assertThat(predictor.predict(1).width()).isEqualTo(16);
            assertThat(model.getBlock().getOutputShapes(new Shape[] {new Shape(2), new Shape(2)}))
                    .containsExactly(new Shape(2, 3, 16, 16));
        }
        assertThatThrownBy(() -> load(Integer.class, Picture.class, Map.of("path", file)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("latents of 4 channels: the argument autoencoder");
    }

    @Test
    void modelIsABlockWithTheTrainedWeights() throws Exception {
        try (ZooModel<Integer, Picture> model = load(Integer.class, Picture.class, Map.of("path", weights));
                NDManager manager = NDManager.newBaseManager(Device.cpu());
                SiTWeights saved = SiTWeights.open(weights)) {
            SiT same = saved.load(manager, Precision.FLOAT32);

            SiT sit = (SiT) model.getBlock().getChildren().get(0).getValue();
            assertThat(Weights.of(sit).keySet()).isEqualTo(Weights.of(same).keySet());
        }
    }

    @Test
    void whatIsMissingOrWrongIsNamed() {
        assertThatThrownBy(() -> load(Integer.class, Picture.class, Map.of()))
                .isInstanceOf(ModelNotFoundException.class)
                .hasRootCauseMessage("sit needs the argument path, which says where the model is");
        assertThatThrownBy(() -> load(Integer.class, Integer.class, Map.of("path", weights)))
                .isInstanceOf(ModelNotFoundException.class)
                .rootCause()
                .hasMessageContaining("from Integer or String to Picture, Image or NDList");
        assertThatThrownBy(() -> load(String.class, Picture.class, Map.of("path", weights)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("List of the 5 names");
        assertThatThrownBy(() -> load(Integer.class, Picture.class, Map.of("path", weights, "steps", "many")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("steps must be a whole number but was many");
        assertThatThrownBy(() -> load(Integer.class, Picture.class, Map.of("path", folder.resolve("none.pt"))))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("none.pt");
    }

    private static <I, O> ZooModel<I, O> load(Class<I> in, Class<O> out, Map<String, Object> arguments)
            throws Exception {
        return Criteria.builder()
                .setTypes(in, out)
                .optGroupId(SiTZoo.GROUP)
                .optArtifactId("sit")
                .optDevice(Device.cpu())
                .optArguments(arguments)
                .build()
                .loadModel();
    }
}
