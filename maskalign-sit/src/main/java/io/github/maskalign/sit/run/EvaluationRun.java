package io.github.maskalign.sit.run;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import io.github.maskalign.core.engine.internal.NativeThreads;
import io.github.maskalign.core.evaluate.Evaluation.Estimate;
import io.github.maskalign.core.evaluate.Evaluation.EvaluationResult;
import io.github.maskalign.core.evaluate.Evaluation.MetricValue;
import io.github.maskalign.core.evaluate.FeatureCollector.CollectorConfig;
import io.github.maskalign.core.evaluate.FeatureExtractor;
import io.github.maskalign.encoders.inception.InceptionExtractor.InceptionSuite;
import io.github.maskalign.sit.run.internal.Comparison;
import io.github.maskalign.sit.run.internal.ExtractorChoice;
import io.github.maskalign.sit.run.internal.FeatureRun;
import io.github.maskalign.sit.run.internal.PictureSource;
import io.github.maskalign.sit.run.internal.Protocol;
import io.github.maskalign.sit.run.internal.Provenance;
import io.github.maskalign.sit.run.internal.ReferenceChoice;
import io.github.maskalign.sit.run.internal.ScriptPin;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/**
 * Scores pictures as ADM's evaluator does: FID, sFID, Inception Score, precision, recall and KID.
 *
 * <pre>{@code
 * EvaluationReport report = EvaluationRun.withEncoder("embedded")
 *         .withReference(Path.of("pictures"))
 *         .run(Path.of("runs/mine/samples"));
 * }</pre>
 */
public final class EvaluationRun {
    private static final int MOST_SIDE = 8192;

    private final ExtractorChoice features;
    private final @Nullable Path reference;
    private final Settings settings;

    /** What is rarely changed. */
    private record Settings(
            List<String> metrics,
            int side,
            int batch,
            int groups,
            int referenceRows,
            Device device,
            String version,
            Progress.Display display) {}

    private EvaluationRun(ExtractorChoice features, @Nullable Path reference, Settings settings) {
        this.features = features;
        this.reference = reference;
        this.settings = settings;
    }

    /** Compares the features that a choice opens. */
    public static EvaluationRun of(ExtractorChoice features) {
        return new EvaluationRun(
                features,
                null,
                new Settings(
                        List.of(),
                        0,
                        32,
                        CollectorConfig.USUAL_GROUPS,
                        CollectorConfig.USUAL_REFERENCE_ROWS,
                        Device.cpu(),
                        "development",
                        Progress.Display.LOG));
    }

    /** Compares features of the 2015 Inception network, read from a file of its weights that is no TorchScript. */
    public static EvaluationRun withInception(Path weights) {
        return of(new ExtractorChoice(
                weights, InceptionSuite.ADM, null, null, "dinov2", ScriptPin.ofOptions(null, false)));
    }

    /**
     * Compares features of an encoder; its distances are not FID.
     *
     * @param name {@code embedded} for the teacher inside this library, {@code judge} for the judge
     */
    public static EvaluationRun withEncoder(String name) {
        return of(
                new ExtractorChoice(null, InceptionSuite.ADM, name, null, "dinov2", ScriptPin.ofOptions(null, false)));
    }

    /** Returns the evaluation against statistics (.npz, .safetensors), an .npz of pictures, or a folder of pictures. */
    public EvaluationRun withReference(Path path) {
        return new EvaluationRun(features, path, settings);
    }

    /** Returns the evaluation by these metrics: of fid, sfid, is, precision, recall, kid; empty for ADM's suite. */
    public EvaluationRun withMetrics(List<String> ids) {
        Settings s = settings;
        return with(new Settings(
                List.copyOf(ids), s.side, s.batch, s.groups, s.referenceRows, s.device, s.version, s.display));
    }

    /**
     * Returns the evaluation with other sizes, all at least 1.
     *
     * @param batch pictures computed at a time
     * @param groups groups of the jackknife behind the errors of FID and sFID; 1 for none
     * @param referenceRows most reference pictures for precision, recall and KID
     */
    public EvaluationRun withSizes(int batch, int groups, int referenceRows) {
        if (batch < 1 || groups < 1 || referenceRows < 1) {
            throw new IllegalArgumentException("batch, groups and referenceRows must be at least 1 but were " + batch
                    + ", " + groups + " and " + referenceRows);
        }
        Settings s = settings;
        return with(new Settings(s.metrics, s.side, batch, groups, referenceRows, s.device, s.version, s.display));
    }

    /**
     * Returns the evaluation of pictures that are first cropped to squares, those of the reference too, as ImageNet is
     * prepared.
     *
     * @param side side of the squares in pixels; 0 leaves pictures as they are, which must all have one size then
     */
    public EvaluationRun withSide(int side) {
        if (side < 0 || side > MOST_SIDE) {
            throw new IllegalArgumentException("side must be in [0, " + MOST_SIDE + "] but was " + side);
        }
        Settings s = settings;
        return with(new Settings(s.metrics, side, s.batch, s.groups, s.referenceRows, s.device, s.version, s.display));
    }

    /** Returns the evaluation on another device than the CPU. */
    public EvaluationRun withDevice(Device device) {
        Settings s = settings;
        return with(new Settings(s.metrics, s.side, s.batch, s.groups, s.referenceRows, device, s.version, s.display));
    }

    /** Returns the evaluation by another version of the program, which the report states. */
    public EvaluationRun withVersion(String version) {
        Settings s = settings;
        return with(new Settings(s.metrics, s.side, s.batch, s.groups, s.referenceRows, s.device, version, s.display));
    }

    /** Returns the evaluation with another display of how far it is; lines of the log unless given. */
    public EvaluationRun withDisplay(Progress.Display display) {
        Settings s = settings;
        return with(new Settings(s.metrics, s.side, s.batch, s.groups, s.referenceRows, s.device, s.version, display));
    }

    private EvaluationRun with(Settings other) {
        return new EvaluationRun(features, reference, other);
    }

    /**
     * Scores pictures.
     *
     * @param samples an .npz of pictures, a folder of pictures, or a run folder with samples
     * @throws IllegalArgumentException if pictures and reference have other sizes, or a metric cannot be measured
     */
    public EvaluationReport run(Path samples) throws IOException {
        return work(samples, null).orElseThrow();
    }

    /** Scores pictures, after {@link #makeReference} whose sizes are compared before. */
    public EvaluationReport run(Path samples, Path made) throws IOException {
        return work(samples, made).orElseThrow();
    }

    /**
     * Writes statistics of the reference's pictures.
     *
     * @param made .safetensors, with features, or .npz
     * @throws IllegalArgumentException if the reference has no pictures
     */
    public void makeReference(Path made) throws IOException {
        work(null, made);
    }

    private Optional<EvaluationReport> work(@Nullable Path samples, @Nullable Path made) throws IOException {
        try (ReferenceChoice against = reference == null ? null : ReferenceChoice.open(reference, settings.side);
                PictureSource pictures = samples == null ? null : PictureSource.open(samples, settings.side)) {
            PictureSource originals = against == null ? null : against.pictures();
            if (made != null && originals == null) {
                throw new IllegalArgumentException(
                        "--make-reference needs a folder or an .npz of pictures as --reference");
            }
            if (pictures != null && originals != null && !originals.resolution().equals(pictures.resolution())) {
                throw new IllegalArgumentException("the reference " + originals.path() + " has pictures of "
                        + originals.resolution() + " pixels but " + pictures.path() + " of " + pictures.resolution()
                        + "; numbers are compared at one resolution, to which --size N crops both");
            }
            PictureSource any = pictures == null ? originals : pictures;
            try (NDManager manager = NDManager.newBaseManager(settings.device);
                    FeatureExtractor extractor = features.open(manager.getDevice(), any == null ? 0 : any.width())) {
                FeatureRun run = new FeatureRun(manager, extractor, settings.batch, settings.display);
                Comparison comparison = new Comparison(run, against, settings.groups, settings.referenceRows);
                if (made != null && originals != null) {
                    comparison.makeReference(made, originals, provenance());
                }
                return pictures == null
                        ? Optional.empty()
                        : Optional.of(comparison.of(pictures, comparison.metrics(settings.metrics), provenance()));
            }
        }
    }

    private Map<String, String> provenance() {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("maskalign", settings.version);
        facts.put("djl", Engine.getDjlVersion());
        facts.put("pytorch", Engine.getInstance().getVersion());
        facts.putAll(Provenance.machine());
        facts.put("device", settings.device.getDeviceType());
        facts.put("threads", Integer.toString(NativeThreads.count()));
        return facts;
    }

    /**
     * A result as people and programs read it.
     *
     * @param result the numbers
     * @param samples facts about the samples, such as where they are
     * @param reference facts about the reference
     * @param settings what was chosen
     * @param protocol all that the numbers depend on but the weights: drawing, network, reference, counts
     * @param provenance versions and machine
     */
    public record EvaluationReport(
            EvaluationResult result,
            Map<String, String> samples,
            Map<String, String> reference,
            Map<String, String> settings,
            Map<String, String> protocol,
            Map<String, String> provenance) {

        /** Returns 12 hexadecimal digits that are equal for scores that may be compared. */
        public String fingerprint() {
            return new Protocol(protocol).fingerprint();
        }

        /** Returns the numbers and what they were computed from, one line for each. */
        public String text() {
            StringBuilder text = new StringBuilder();
            for (MetricValue value : result.values()) {
                Estimate estimate = value.estimate();
                text.append(String.format(
                        Locale.ROOT,
                        "%-24s %-36s %12s%s%n",
                        value.metric().id(result.space()),
                        value.title(),
                        number(estimate.value()),
                        estimate.error().isPresent()
                                ? " ± " + number(estimate.error().getAsDouble()) + "  " + estimate.errorIs()
                                : ""));
            }
            text.append(String.format(
                    Locale.ROOT,
                    "%,d samples of %s, features of %s%n",
                    result.samples(),
                    samples.get("path"),
                    result.space().name()));
            if (!reference.isEmpty()) {
                text.append("against ").append(reference.get("path")).append(System.lineSeparator());
            }
            text.append("protocol ").append(fingerprint()).append(System.lineSeparator());
            for (String warning : result.warnings()) {
                text.append("warning: ").append(warning).append(System.lineSeparator());
            }
            return text.toString().stripTrailing();
        }

        /** Returns everything as JSON. */
        public JsonObject json() {
            JsonObject metrics = new JsonObject();
            for (MetricValue value : result.values()) {
                JsonObject one = new JsonObject();
                one.addProperty("title", value.title());
                one.addProperty("value", value.estimate().value());
                OptionalDouble error = value.estimate().error();
                if (error.isPresent()) {
                    one.addProperty("error", error.getAsDouble());
                } else {
                    one.add("error", JsonNull.INSTANCE);
                }
                one.addProperty("error_is", value.estimate().errorIs());
                metrics.add(value.metric().id(result.space()), one);
            }
            JsonObject features = new JsonObject();
            features.addProperty("name", result.space().name());
            features.addProperty("identity", result.space().identity());
            features.addProperty("is_inception", result.space().inception());
            JsonArray warnings = new JsonArray();
            result.warnings().forEach(warnings::add);
            JsonObject all = new JsonObject();
            all.add("metrics", metrics);
            all.add("samples", object(samples));
            all.add("reference", object(reference));
            all.add("features", features);
            all.add("settings", object(settings));
            JsonObject made = object(protocol);
            made.addProperty("fingerprint", fingerprint());
            all.add("protocol", made);
            all.add("warnings", warnings);
            all.add("provenance", object(provenance));
            return all;
        }

        /** Returns the text of a result file. */
        public String file() {
            return new GsonBuilder()
                            .setPrettyPrinting()
                            .disableHtmlEscaping()
                            .serializeNulls()
                            .create()
                            .toJson(json())
                    + "\n";
        }

        private static JsonObject object(Map<String, String> facts) {
            JsonObject object = new JsonObject();
            facts.forEach(object::addProperty);
            return object;
        }

        /** Five digits behind the point, or exponents for what would vanish there. */
        private static String number(double value) {
            double size = Math.abs(value);
            return String.format(Locale.ROOT, size == 0 || size >= 1e-3 ? "%.5f" : "%.4e", value);
        }
    }
}
