package consumer;

import ai.djl.Model;
import ai.djl.inference.Predictor;
import ai.djl.metric.Metrics;
import ai.djl.modality.cv.Image;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.TrainingConfig;
import ai.djl.training.dataset.RandomAccessDataset;
import ai.djl.training.dataset.Record;
import ai.djl.training.listener.TrainingListener;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import ai.djl.training.util.ProgressBar;
import ai.djl.util.Progress;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.align.TokenMixer.MixerConfig;
import io.github.maskalign.core.data.RandomAccessData;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.train.DjlListener;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.encoders.djl.EncoderZoo;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTObjective;
import io.github.maskalign.sit.SiTTraining;
import io.github.maskalign.sit.djl.SiTDataset;
import io.github.maskalign.sit.djl.SiTTrainerLoss;
import io.github.maskalign.sit.djl.SiTZoo;
import io.github.maskalign.sit.weights.SiTWeights;
import java.nio.file.Path;
import java.util.List;

/** The library by DJL's own types. */
final class DjlWay {
    private static final SiTConfig MASK_ALIGN = SiTConfig.of(32, 4, 3, 96, 4, 4, 8)
            .withClassToken(128)
            .withAlignment(2, 128, List.of(128))
            .withMixer(MixerConfig.PAPER)
            .withSubset(SubsetConfig.defaults());

    private DjlWay() {}

    /** Returns the class token of the embedded teacher. */
    static float[] embedding(Picture picture) throws Exception {
        Criteria<Image, float[]> criteria = Criteria.builder()
                .setTypes(Image.class, float[].class)
                .optGroupId(EncoderZoo.GROUP)
                .optArtifactId("emoji-vit")
                .build();
        try (ZooModel<Image, float[]> teacher = criteria.loadModel();
                Predictor<Image, float[]> predictor = teacher.newPredictor()) {
            return predictor.predict(picture.toImage());
        }
    }

    /** Returns the shape of the patch tokens, (T, Z). */
    static Shape patchTokens(Picture picture) throws Exception {
        Criteria<Picture, NDList> criteria = Criteria.builder()
                .setTypes(Picture.class, NDList.class)
                .optGroupId(EncoderZoo.GROUP)
                .optArtifactId("emoji-vit")
                .build();
        try (ZooModel<Picture, NDList> teacher = criteria.loadModel();
                Predictor<Picture, NDList> predictor = teacher.newPredictor();
                NDList tokens = predictor.predict(picture)) {
            return tokens.get(1).getShape();
        }
    }

    /** Draws a picture of each of two classes. */
    static List<Picture> draw(Path run, List<String> names) throws Exception {
        Criteria<String, Picture> criteria = Criteria.builder()
                .setTypes(String.class, Picture.class)
                .optGroupId(SiTZoo.GROUP)
                .optArtifactId("sit")
                .optArgument("path", run)
                .optArgument("classes", names)
                .optArgument("steps", 20)
                .build();
        try (ZooModel<String, Picture> model = criteria.loadModel();
                Predictor<String, Picture> predictor = model.newPredictor()) {
            return predictor.batchPredict(List.of(names.get(0), names.get(1)));
        }
    }

    /** Our training over a data set of DJL's, watched by DJL's metrics and progress bar. */
    static void train(OwnPictures own, long steps, Metrics metrics) throws Exception {
        try (RepresentationEncoder teacher = Encoders.embeddedTeacher();
                SiTTraining training = SiTTraining.builder()
                        .setModel(MASK_ALIGN)
                        .setData((draws, kept) -> new RandomAccessData(new Records(own), 8, draws))
                        .setSteps(steps)
                        .setBatch(8)
                        .optEncoder(teacher)
                        .optMetrics(firstStep -> DjlListener.metrics(metrics))
                        .optMetricsEvery(1)
                        .optListener(DjlListener.progress(new ProgressBar(), steps))
                        .optListener(new DjlListener(steps, 4, TrainingListener.Defaults.logging()))
                        .build()) {
            training.run();
        }
    }

    /** DJL's training with our model, subsets and loss. */
    static void easyTrain(OwnPictures own, Path file) throws Exception {
        try (Model model = Model.newInstance("sit");
                RepresentationEncoder teacher = Encoders.embeddedTeacher()) {
            SiTObjective objective = SiTTraining.builder()
                    .setModel(MASK_ALIGN)
                    .setData((draws, kept) -> new RandomAccessData(new Records(own), 8, draws))
                    .setSteps(8)
                    .setBatch(4)
                    .optEncoder(teacher)
                    .buildObjective(model.getNDManager());
            model.setBlock(objective.model());
            TrainingConfig how = new DefaultTrainingConfig(new SiTTrainerLoss(objective))
                    .optOptimizer(Optimizer.adam()
                            .optLearningRateTracker(Tracker.fixed(1e-3f))
                            .build())
                    .addTrainingListeners(TrainingListener.Defaults.logging());
            try (Trainer trainer = model.newTrainer(how)) {
                EasyTrain.fit(trainer, 2, new SiTDataset(objective, 4), null);
            }
            SiTWeights.save(objective.model(), file);
        }
    }

    /** A data set as one writes it for DJL. */
    static final class Records extends RandomAccessDataset {
        private final OwnPictures own;

        Records(OwnPictures own) {
            super(new Builder().setSampling(8, true));
            this.own = own;
        }

        @Override
        public Record get(NDManager manager, long index) {
            Image image = own.pictures().get((int) index).toImage();
            int label = own.classes().get((int) index);
            return new Record(
                    new NDList(image.toNDArray(manager, Image.Flag.COLOR)), new NDList(manager.create(label)));
        }

        @Override
        protected long availableSize() {
            return own.pictures().size();
        }

        @Override
        public void prepare(Progress progress) {
            // in memory
        }

        private static final class Builder extends BaseBuilder<Builder> {
            @Override
            protected Builder self() {
                return this;
            }
        }
    }
}
