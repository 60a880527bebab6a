package io.github.maskalign.sit.run.internal;

import ai.djl.ndarray.NDManager;
import io.github.maskalign.core.evaluate.Evaluation;
import io.github.maskalign.core.evaluate.Evaluation.EvaluationResult;
import io.github.maskalign.core.evaluate.Evaluation.Reference;
import io.github.maskalign.core.evaluate.FeatureCollector;
import io.github.maskalign.core.evaluate.FeatureCollector.CollectorConfig;
import io.github.maskalign.core.evaluate.FeatureExtractor.FeatureSpace;
import io.github.maskalign.core.evaluate.Metric;
import io.github.maskalign.core.evaluate.ReferenceFile;
import io.github.maskalign.core.evaluate.internal.KernelDistance;
import io.github.maskalign.core.evaluate.internal.PrecisionRecall;
import io.github.maskalign.sit.run.EvaluationRun.EvaluationReport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One comparison of samples with a reference.
 *
 * @param run the network and where it computes
 * @param against the reference; null if the Inception Score alone is asked for
 * @param groups groups of the jackknife
 * @param rows most reference pictures for precision, recall and KID
 */
public record Comparison(FeatureRun run, @Nullable ReferenceChoice against, int groups, int rows) {
    /**
     * Returns what is measured: the metrics that are named, or all that network and reference allow. KID is then left out
     * for Inception, as ADM's suite does not have it.
     *
     * @param ids ids of metrics; empty for all
     * @throws IllegalArgumentException if one is unknown or needs a reference and there is none
     */
    public Set<Metric> metrics(List<String> ids) throws IOException {
        Set<Metric> wanted = EnumSet.noneOf(Metric.class);
        ids.forEach(id -> wanted.add(Metric.named(id.strip())));
        if (against == null) {
            if (!wanted.equals(EnumSet.of(Metric.IS))) {
                throw new IllegalArgumentException("--reference is missing; --metrics is, alone, needs none");
            }
            return wanted;
        }
        Set<Metric> able = able(against);
        if (wanted.isEmpty()) {
            wanted.addAll(able);
            if (run.extractor().space().inception()) {
                wanted.remove(Metric.KID);
            }
        } else if (!able.containsAll(wanted)) {
            wanted.removeAll(able);
            throw new IllegalArgumentException(
                    "cannot be measured with " + run.extractor().space().name() + " against "
                            + against.path() + ": "
                            + String.join(", ", wanted.stream().map(Metric::id).toList())
                            + "; can be: "
                            + String.join(", ", able.stream().map(Metric::id).toList()));
        }
        return wanted;
    }

    /** What network and reference allow. */
    private Set<Metric> able(ReferenceChoice reference) throws IOException {
        FeatureSpace space = run.extractor().space();
        try (NDManager scratch = run.manager().newSubManager()) {
            return reference.supported(scratch, space);
        }
    }

    /**
     * Compares.
     *
     * @param provenance versions and machine, for the report
     * @throws IllegalArgumentException if the pictures have other sizes than the reference's, or something is missing
     */
    public EvaluationReport of(PictureSource pictures, Set<Metric> metrics, Map<String, String> provenance)
            throws IOException {
        Reference target = against == null
                ? new Reference(run.extractor().space().identity(), 0, "", null, null, null)
                : against.read(run, metrics, rows);
        requireEqualSizes(target.resolution(), pictures);
        Evaluation evaluation = Evaluation.of(metrics);
        evaluation.requireReference(target, run.extractor().space());
        try (FeatureCollector collected =
                run.collect("samples", pictures, CollectorConfig.samples(metrics, groups, pictures.size()))) {
            EvaluationResult result = evaluation.compare(run.manager(), target, collected);
            Protocol protocol = protocol(pictures, target);
            return new EvaluationReport(
                    result, about(pictures), about(target), settings(metrics), protocol.facts(), provenance);
        }
    }

    /** Writes the statistics and features of the reference's pictures. */
    public void makeReference(Path file, PictureSource pictures, Map<String, String> provenance) throws IOException {
        ReferenceChoice.requireTwo(pictures);
        CollectorConfig everything =
                new CollectorConfig(true, run.extractor().space().spatialWidth() > 0, false, 1, rows, pictures.size());
        try (FeatureCollector collected = run.collect("reference", pictures, everything)) {
            Map<String, String> texts = new LinkedHashMap<>(provenance);
            texts.put("source", pictures.path().toString());
            ReferenceFile.write(file, collected.reference().withResolution(pictures.resolution()), texts);
        }
    }

    /**
     * Checks sizes before anything is computed.
     *
     * @param resolution that of the reference; empty if it is not known
     */
    private void requireEqualSizes(String resolution, PictureSource pictures) {
        if (!resolution.isEmpty() && !resolution.equals(pictures.resolution())) {
            throw new IllegalArgumentException("the reference has pictures of " + resolution + " pixels but "
                    + pictures.path() + " of " + pictures.resolution() + "; numbers are compared at one resolution");
        }
    }

    private static Map<String, String> about(PictureSource pictures) {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("path", pictures.path().toString());
        facts.put("pictures", Integer.toString(pictures.size()));
        facts.put("resolution", pictures.resolution());
        return facts;
    }

    private Map<String, String> about(Reference target) {
        Map<String, String> facts = new LinkedHashMap<>();
        if (against != null) {
            facts.put("path", against.path().toString());
            facts.put("pictures", target.pictures() == 0 ? "unknown" : Long.toString(target.pictures()));
            facts.put("resolution", target.resolution().isEmpty() ? "unknown" : target.resolution());
            facts.put(
                    "rows",
                    target.rows() == null ? "0" : Integer.toString(target.rows().size()));
        }
        return facts;
    }

    /** How the pictures were drawn, as far as their folder says it, and all that these scores depend on. */
    private Protocol protocol(PictureSource pictures, Reference target) throws IOException {
        Map<String, String> facts = new LinkedHashMap<>(about(target));
        Map<String, String> how = new LinkedHashMap<>();
        FeatureSpace space = run.extractor().space();
        how.put("features", space.name() + " " + space.identity());
        how.put("resolution", pictures.resolution());
        how.put("pictures", Integer.toString(pictures.size()));
        if (against != null) {
            how.put(
                    "reference",
                    against.path().getFileName() + ", " + facts.get("pictures") + " pictures, " + facts.get("rows")
                            + " rows");
        }
        how.putAll(measuring());
        return Protocol.ofPictures(pictures).with(how);
    }

    private Map<String, String> settings(Set<Metric> metrics) {
        Map<String, String> facts = new LinkedHashMap<>();
        FeatureSpace space = run.extractor().space();
        facts.put(
                "metrics",
                String.join(",", metrics.stream().map(m -> m.id(space)).toList()));
        facts.putAll(measuring());
        facts.put("batch", Integer.toString(run.batch()));
        return facts;
    }

    /** What the numbers depend on, besides pictures and network. */
    private Map<String, String> measuring() {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("neighbours", Integer.toString(PrecisionRecall.NEIGHBOURS));
        facts.put("jackknife_groups", Integer.toString(groups));
        facts.put("kid_subsets", Integer.toString(KernelDistance.USUAL.subsets()));
        facts.put("kid_subset_size", Integer.toString(KernelDistance.USUAL.subsetSize()));
        facts.put("kid_seed", Long.toString(KernelDistance.USUAL.seed()));
        return facts;
    }
}
