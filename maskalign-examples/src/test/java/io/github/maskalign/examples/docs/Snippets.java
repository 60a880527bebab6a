package io.github.maskalign.examples.docs;

import ai.djl.Device;
import ai.djl.modality.cv.Image;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.repository.zoo.Criteria;
import io.github.maskalign.core.analysis.Measured;
import io.github.maskalign.core.analysis.PositionScores;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.distributed.Agreement;
import io.github.maskalign.core.distributed.Communicator;
import io.github.maskalign.core.distributed.Communicators;
import io.github.maskalign.core.distributed.Launch;
import io.github.maskalign.core.files.NpzFile;
import io.github.maskalign.core.files.NpzWriter;
import io.github.maskalign.core.files.NpzWriter.RowStream;
import io.github.maskalign.core.files.SafetensorsWriter;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import io.github.maskalign.core.files.TensorType;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.files.internal.NpyFile;
import io.github.maskalign.core.files.internal.TorchFileWriter;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureReader;
import io.github.maskalign.core.image.PictureWriter;
import io.github.maskalign.core.image.Resampler;
import io.github.maskalign.core.image.Resampler.CentreCrop;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.train.Objective;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.core.train.TrainConfig;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainLoop;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.encoders.djl.EncoderZoo;
import io.github.maskalign.encoders.text.ClipTextEncoder;
import io.github.maskalign.encoders.text.TextEncoder;
import io.github.maskalign.encoders.text.TextEncoder.TextTokens;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.lab.Analysis;
import io.github.maskalign.sit.run.EvaluationRun;
import io.github.maskalign.sit.run.EvaluationRun.EvaluationReport;
import io.github.maskalign.sit.run.RunReport;
import io.github.maskalign.sit.run.SamplingRun;
import io.github.maskalign.sit.run.TrainingRun;
import io.github.maskalign.sit.weights.SiTWeights;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What documents show and no program does; compiled, never run. */
final class Snippets {
    private Snippets() {}

    static void text(Path folder) throws IOException {
        try (NDManager manager = NDManager.newBaseManager();
                TextEncoder encoder = ClipTextEncoder.open(folder, Device.cpu(), Precision.FLOAT32)) {
            TextTokens out = encoder.encode(manager, List.of("a photo of a cat", "")); // one batch
            out.tokens(); // (2, 77, D)
            out.pooled(); // (2, P)
            out.truncated(); // captions that were longer than 75 tokens
        }
    }

    static void pictures() throws IOException {
        Picture photo = PictureReader.read(Path.of("n01440764_10026.JPEG")); // PNG or JPEG by its first bytes
        Picture square = CentreCrop.adm(photo, 256); // 256 × 256, as ImageNet is prepared
        Picture small = Resampler.BICUBIC.resize(photo, 320, 240);
        PictureWriter.write(Path.of("out.png"), square, PictureWriter.Packing.STORED);
        byte[] planes = square.toPlanar(); // (3, 256, 256)
    }

    static void numpy(NDManager manager) throws IOException {
        try (NpyFile features = NpyFile.open(Path.of("img-mean-std-00000000.npy"))) {
            float[] latent = features.tensor().floats(); // (8, 32, 32)
        }
        try (NpzFile reference = NpzFile.open(Path.of("VIRTUAL_imagenet256_labeled.npz"))) {
            NDArray mu = reference.tensor("mu").read(manager);
            TensorSource batch = reference.rows("arr_0", 0, 50); // 50 of 10,000 pictures, nothing else is read
        }
    }

    static void numpy(float[] latent, List<byte[]> samples) throws IOException {
        NpyFile.write(Path.of("latent.npy"), TensorSource.of(new Shape(8, 32, 32), latent));
        NpzWriter.write(
                Path.of("samples.npz"),
                Map.of("arr_0", new RowStream(TensorType.U8, new Shape(50_000, 256, 256, 3), sink -> {
                    for (byte[] picture : samples) { // drawn as they are written: 9.8 GB, no memory
                        sink.accept(ByteBuffer.wrap(picture));
                    }
                })));
    }

    static void ranks(
            Device device,
            TrainConfig config,
            OptimConfig optim,
            Objective objective,
            TrainState state,
            List<TrainListener> listeners)
            throws IOException {
        Launch launch = Launch.detect(System.getenv());
        Communicator ranks = Communicators.open(
                launch,
                device,
                Duration.ofMinutes(30),
                code -> Runtime.getRuntime().halt(code));
        Agreement agreement = new Agreement(ranks);
        TrainLoop loop = new TrainLoop(config, optim, objective, state, listeners).withAgreement(agreement);
    }

    static void checkpoints(NDManager manager, StateDict state) throws IOException {
        try (WeightsFile file =
                WeightsFile.open(Path.of("0400000.pt"))) { // or .pth, .safetensors, .safetensors.index.json
            file.sections(); // [model, ema, opt.state]; a bare state dict is [""]
            file.metadata(); // {steps=400000}
            StateDict ema = file.stateDict("ema"); // nothing is read yet
            NDArray w = ema.get("x_embedder.proj.weight").read(manager);
        }
        TorchFileWriter.write(
                Path.of("ema.pt"), Map.of("ema", state, "steps", 400_000)); // torch.load(..., weights_only=True)
        SafetensorsWriter.write(Path.of("ema.safetensors"), state, Map.of("family", "reg"));
    }

    static void runs() throws IOException {
        TrainingRun.open(Path.of("config.yaml"), Path.of("runs/mine")).run(); // the same call again goes on with it
        SamplingRun.open(Path.of("runs/mine"))
                .withPictures(5000, 0)
                .withAutoencoder(Path.of("sd-vae-ft-mse"))
                .folder(Path.of("samples"));
        EvaluationReport scores = EvaluationRun.withInception(Path.of("pt_inception.pth"))
                .withReference(Path.of("photos"))
                .run(Path.of("samples"));
        RunReport.read(List.of(Path.of("runs/mine")), List.of(), 6)
                .writePage(Path.of("report.html"), null, Instant.now());
    }

    static void weights(SiT model, NDManager manager) throws IOException {
        SiTWeights.save(model, Path.of("mine.safetensors"));
        try (SiTWeights saved = SiTWeights.open(Path.of("mine.safetensors"))) { // or a run folder, or a published file
            SiT same = saved.load(manager, Precision.FLOAT32);
        }
    }

    static void tensors(NDArray drawn, NDArray bytes, NDManager manager) {
        List<Picture> pictures = PixelScaling.ROUND.pictures(drawn); // (N, 3, H, W) in [-1, 1]
        List<Picture> same = Picture.ofNDArray(bytes); // (N, 3, H, W), uint8
        NDArray images = Picture.toNDArray(manager, pictures); // (N, 3, H, W), uint8, as encoders take them
    }

    static void zoo(Path dinov2, Path vae, Path script, String sha256) throws Exception {
        Criteria<Picture, NDList> published = Criteria.builder()
                .setTypes(Picture.class, NDList.class)
                .optGroupId(EncoderZoo.GROUP)
                .optArtifactId("encoder")
                .optArgument("path", dinov2)
                .optArgument("model", "dinov2-vit-b")
                .build();
        Criteria<Picture, NDList> torchScript = Criteria.builder()
                .setTypes(Picture.class, NDList.class)
                .optGroupId(EncoderZoo.GROUP)
                .optArtifactId("encoder")
                .optArgument("path", script)
                .optArgument("preprocessing", "dinov2")
                .optArgument("sha256", sha256)
                .build();
        Criteria<NDList, Image> decoder = Criteria.builder()
                .setTypes(NDList.class, Image.class)
                .optGroupId(EncoderZoo.GROUP)
                .optArtifactId("autoencoder")
                .optArgument("path", vae)
                .build();
    }

    static void preference(double[][] norms) {
        // norms: (pictures, 256), gradient norms at the tap
        PositionScores scores = PositionScores.full(norms, 16, 16, 0.1); // the top 26 of each picture
        PositionScores.Preference found = scores.preference(Measured.Resampling.of(0));
        Measured spread = found.spread(); // spread.value(), spread.low(), spread.chance()
    }

    static Path analysis() throws IOException {
        Path file = Analysis.of(List.of(Path.of("runs/mine")))
                .withParts(Set.of(Analysis.Part.GRADIENTS))
                .withPictures(1000)
                .write(Path.of("runs/mine/analysis"));
        return file;
    }
}
