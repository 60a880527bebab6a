package io.github.maskalign.sit.run.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.evaluate.Evaluation;
import io.github.maskalign.core.evaluate.Evaluation.EvaluationResult;
import io.github.maskalign.core.evaluate.Evaluation.Reference;
import io.github.maskalign.core.evaluate.FeatureCollector;
import io.github.maskalign.core.evaluate.FeatureCollector.CollectorConfig;
import io.github.maskalign.core.evaluate.FeatureExtractor;
import io.github.maskalign.core.evaluate.FeatureExtractor.FeatureSpace;
import io.github.maskalign.core.evaluate.Metric;
import io.github.maskalign.core.evaluate.internal.KernelDistance;
import io.github.maskalign.core.evaluate.internal.PrecisionRecall;
import io.github.maskalign.encoders.inception.InceptionExtractor.InceptionSuite;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.run.EvaluateSection;
import io.github.maskalign.sit.run.Progress;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunConfig.EncoderSection;
import io.github.maskalign.sit.run.TrainingSource.TrainingPictures;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Draws samples as the command {@code sample} does and scores them as {@code evaluate} does, a batch at a time: what is
 * kept is what the metrics need. All native memory is free again afterwards. One thread uses it.
 */
public final class RunEvaluation implements EvaluationListener.Scoring {
    private final RunConfig run;
    private final EvaluateSection section;
    private final NDManager parent;
    private final @Nullable TrainingPictures training;
    private final Path folder;
    private List<Protocol> protocols = List.of();

    /**
     * Prepares evaluations.
     *
     * @param parent manager that decides the device
     * @param training pictures of the training data; null if it has none
     * @param folder the run folder, which keeps the features of the training data
     */
    public RunEvaluation(RunConfig run, NDManager parent, @Nullable TrainingPictures training, Path folder) {
        this.run = run;
        this.parent = parent;
        this.training = training;
        section = run.evaluate();
        this.folder = folder;
    }

    @Override
    public void check() throws IOException {
        try (NDManager scratch = parent.newSubManager();
                PictureDecoder decoder = PictureDecoder.open(run, parent.getDevice());
                Networks networks = open(decoder)) {
            List<Protocol> found = new ArrayList<>();
            for (int i = 0; i < networks.all.size(); i++) {
                FeatureSpace space = networks.all.get(i).space();
                metrics(scratch, space, decoder.side(RunPlan.model(run)), i > 0);
                found.add(describe(space, decoder));
            }
            protocols = List.copyOf(found);
        }
    }

    @Override
    public List<Protocol> protocols() {
        if (protocols.isEmpty()) {
            throw new IllegalStateException("an evaluation must be checked before its protocol is known");
        }
        return protocols;
    }

    private Protocol describe(FeatureSpace space, PictureDecoder decoder) throws IOException {
        Protocol drawing = Protocol.ofDrawing(
                section.sampling(run.sample()),
                "random",
                section.seed(),
                section.samples(),
                "average of decay " + run.optim().emaDecay(),
                decoder,
                run.runtime().precision());
        String reference = section.reference()
                .map(path -> String.valueOf(path.getFileName()))
                .orElse(section.referencePictures() + " training pictures");
        return drawing.with(Map.of("features", space.name() + " " + space.identity(), "reference", reference));
    }

    @Override
    public List<EvaluationResult> of(Map<String, NDArray> weights, Runnable watch) throws IOException {
        SiTConfig model = RunPlan.model(run);
        try (NDManager scratch = parent.newSubManager();
                PictureDecoder decoder = PictureDecoder.open(run, parent.getDevice(), weights);
                Networks networks = open(decoder);
                Judgements judgements = new Judgements()) {
            for (FeatureExtractor extractor : networks.all) {
                FeatureSpace space = extractor.space();
                boolean further = !judgements.all.isEmpty();
                FeatureRun features = new FeatureRun(scratch, extractor, section.batch(), Progress.Display.LOG, watch);
                Set<Metric> metrics = metrics(scratch, space, decoder.side(model), further);
                Reference reference = reference(features, kept(further ? "-" + space.word() : ""));
                Evaluation evaluation = new Evaluation(metrics, PrecisionRecall.NEIGHBOURS, kernel(section.samples()));
                evaluation.requireReference(reference, space);
                CollectorConfig needed =
                        CollectorConfig.samples(metrics, CollectorConfig.USUAL_GROUPS, section.samples());
                judgements.all.add(
                        new Judgement(features, evaluation, reference, new FeatureCollector(scratch, space, needed)));
            }
            try (Preview preview =
                    new Preview(scratch, run, weights, section.sampling(run.sample()), section.batch())) {
                draw(scratch, preview, decoder, judgements.all);
            }
            List<EvaluationResult> results = new ArrayList<>();
            for (Judgement judgement : judgements.all) {
                results.add(judgement.evaluation.compare(scratch, judgement.reference, judgement.collected));
            }
            return results;
        }
    }

    /** What one network makes of the samples. */
    private record Judgement(
            FeatureRun features, Evaluation evaluation, Reference reference, FeatureCollector collected) {}

    /** What all of them make. */
    private record Judgements(List<Judgement> all) implements AutoCloseable {
        Judgements() {
            this(new ArrayList<>());
        }

        @Override
        public void close() {
            all.forEach(judgement -> judgement.collected.close());
        }
    }

    /** The networks that look at the same samples. */
    private record Networks(List<FeatureExtractor> all) implements AutoCloseable {
        @Override
        public void close() {
            all.forEach(FeatureExtractor::close);
        }
    }

    private KeptReference kept(String suffix) {
        return new KeptReference(folder.resolve("evaluate-reference" + suffix + ".safetensors"));
    }

    private void draw(NDManager scratch, Preview preview, PictureDecoder decoder, List<Judgement> judgements) {
        SiTConfig model = RunPlan.model(run);
        for (int first = 0; first < section.samples(); first += section.batch()) {
            int count = Math.min(section.batch(), section.samples() - first);
            long[] labels = LatentSampling.randomLabels(
                    section.seed(), first, count, model.model().numClasses());
            float[] x = preview.draw(
                    labels,
                    first,
                    section.seed(),
                    (done, of, t) -> judgements.get(0).features.watch().run());
            Pictures pictures = decoder.decode(scratch, model, x, count);
            int plane = pictures.height() * pictures.width();
            byte[] pixels = new byte[pictures.pixels().length];
            for (int i = 0; i < count; i++) {
                TrainingPictures.interleave(pictures.pixels(), 3 * i * plane, pixels, 3 * i * plane, plane);
            }
            judgements.forEach(one -> one.features.add(one.collected, pixels, pictures.height(), pictures.width()));
        }
    }

    /**
     * The kernel distance over random halves, at most 1,000 pictures each. Of n samples a subset of m then leaves n − m
     * out, so that {@link #kernelError} can tell the error of the whole.
     */
    static KernelDistance kernel(int samples) {
        KernelDistance usual = KernelDistance.USUAL;
        return new KernelDistance(usual.subsets(), Math.min(usual.subsetSize(), samples / 2), usual.seed());
    }

    /**
     * The delete-d jackknife (Shao and Wu 1989): from the spread s over subsets of m of n samples, s √(m / (n − m)).
     *
     * @param spread standard deviation over subsets
     */
    static double kernelError(double spread, int samples) {
        double m = kernel(samples).subsetSize();
        return spread * Math.sqrt(m / (samples - m));
    }

    private Networks open(PictureDecoder decoder) throws IOException {
        List<ExtractorChoice> choices = new ArrayList<>(List.of(choice()));
        section.network().moreEncoders().forEach(scorer -> choices.add(encoder(run, scorer)));
        Map<String, FeatureExtractor> opened = new LinkedHashMap<>();
        try {
            for (ExtractorChoice choice : choices) {
                FeatureExtractor extractor = choice.open(parent.getDevice(), decoder.side(RunPlan.model(run)));
                FeatureExtractor before = opened.putIfAbsent(extractor.space().word(), extractor);
                if (before != null) {
                    extractor.close();
                    throw new IllegalArgumentException(
                            "evaluate.moreEncoders must name other networks than evaluate.encoder,"
                                    + " each once, but two are "
                                    + extractor.space().name());
                }
            }
        } catch (IOException | RuntimeException e) {
            opened.values().forEach(FeatureExtractor::close);
            throw e;
        }
        return new Networks(List.copyOf(opened.values()));
    }

    private ExtractorChoice choice() {
        if (section.network().inception().isPresent()) {
            return new ExtractorChoice(
                    section.network().inception().get(),
                    InceptionSuite.named(section.network().suite()),
                    null,
                    null,
                    run.encoder().preprocessing(),
                    ScriptPin.of(section));
        }
        return encoder(run);
    }

    /** The network of a run's evaluations where there is no Inception. */
    static ExtractorChoice encoder(RunConfig run) {
        return encoder(run, run.evaluate().network().encoder());
    }

    private static ExtractorChoice encoder(RunConfig run, EvaluateSection.Scorer scorer) {
        InceptionSuite suite = InceptionSuite.named(run.evaluate().network().suite());
        EncoderSection own = run.encoder();
        if (scorer != EvaluateSection.Scorer.OWN) {
            String name = scorer == EvaluateSection.Scorer.JUDGE ? "judge" : "embedded";
            return new ExtractorChoice(null, suite, name, null, own.preprocessing(), ScriptPin.ofOptions(null, false));
        }
        return switch (own.kind()) {
            case NONE, CACHED, EMBEDDED ->
                new ExtractorChoice(
                        null, suite, "embedded", null, own.preprocessing(), ScriptPin.ofOptions(null, false));
            case TORCHSCRIPT, NATIVE ->
                new ExtractorChoice(
                        null,
                        suite,
                        own.path().orElseThrow().toString(),
                        own.kind() == EncoderSection.Kind.NATIVE ? own.model() : null,
                        own.preprocessing(),
                        ScriptPin.of(own),
                        own.heads(),
                        own.positions());
        };
    }

    /**
     * Returns what is measured with a network.
     *
     * @param further whether it is not the first, which measures all that was asked for; others what they can of it
     */
    private Set<Metric> metrics(NDManager scratch, FeatureSpace space, int side, boolean further) throws IOException {
        Set<Metric> able = EnumSet.noneOf(Metric.class);
        if (section.reference().isPresent()) {
            try (ReferenceChoice against =
                    ReferenceChoice.open(section.reference().get())) {
                able.addAll(against.supported(scratch, space));
                requireSide(against.pictures() == null ? "" : against.pictures().resolution(), side);
            }
        } else if (training == null) {
            throw new IllegalArgumentException("evaluate.reference must be given: the training data has no pictures;"
                    + " prepare it with pictures, or name statistics or pictures to compare with");
        } else {
            requireSide(training.some(1).resolution(), side);
            for (Metric metric : Metric.values()) {
                if (space.supports(metric)) {
                    able.add(metric);
                }
            }
        }
        if (section.metrics().isEmpty()) {
            return able;
        }
        Set<Metric> wanted = EnumSet.noneOf(Metric.class);
        section.metrics().forEach(id -> wanted.add(Metric.named(id)));
        if (further && wanted.stream().anyMatch(able::contains)) {
            wanted.retainAll(able);
        }
        if (!able.containsAll(wanted)) {
            throw new IllegalArgumentException("evaluate.metrics must be among "
                    + able.stream().map(Metric::id).toList() + " with " + space.name() + " but were "
                    + section.metrics());
        }
        return wanted;
    }

    private void requireSide(String resolution, int side) {
        String ours = side + "x" + side;
        if (!resolution.isEmpty() && !resolution.equals(ours)) {
            throw new IllegalArgumentException("the reference of evaluate has pictures of " + resolution
                    + " pixels but the run draws " + ours + "; numbers are compared at one resolution");
        }
    }

    private Reference reference(FeatureRun features, KeptReference kept) throws IOException {
        FeatureSpace space = features.extractor().space();
        if (section.reference().isPresent()) {
            Path path = section.reference().get();
            try (ReferenceChoice against = ReferenceChoice.open(path)) {
                Set<Metric> able = against.supported(features.manager(), space);
                int rows = CollectorConfig.USUAL_REFERENCE_ROWS;
                return against.pictures() == null
                        ? against.read(features, able, rows)
                        : kept.read(features, KeptReference.describe(path), () -> against.read(features, able, rows));
            }
        }
        if (training == null) {
            throw new IllegalStateException("there are no pictures to compare with");
        }
        PictureSource source = training.some(section.referencePictures());
        String name = source.size() + " of " + training.size() + " training pictures, " + training.name();
        return kept.read(features, name, () -> {
            CollectorConfig all =
                    new CollectorConfig(true, space.spatialWidth() > 0, false, 1, source.size(), source.size());
            FeatureCollector collected = features.collect("reference", source, all); // the reference has its rows
            return collected.reference().withResolution(source.resolution());
        });
    }
}
