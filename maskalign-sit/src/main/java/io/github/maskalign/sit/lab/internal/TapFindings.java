package io.github.maskalign.sit.lab.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.index.NDIndex;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.maskalign.core.analysis.LinearProbe;
import io.github.maskalign.core.analysis.Measured.Resampling;
import io.github.maskalign.core.analysis.Similarity;
import io.github.maskalign.core.analysis.SpatialStructure;
import io.github.maskalign.sit.lab.Analysis.Part;
import io.github.maskalign.sit.lab.internal.AnalysisPictures.Batch;
import io.github.maskalign.sit.lab.internal.ModelPass.Found;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What the hidden tokens of each block say: like the encoder's, like their neighbours', and of which class. */
final class TapFindings {
    /** Neighbours, as in REPA's CKNNA. */
    static final int NEIGHBOURS = 10;

    private final AnalysisSettings settings;
    private final Resampling resampling;
    private final int[] labels;
    private final float[][] encoder;
    private final List<SpatialStructure> encoderSpatial = new ArrayList<>();

    /** Takes what an encoder says of the pictures. */
    TapFindings(AnalysisPictures pictures, int which, AnalysisSettings settings) {
        this.settings = settings;
        resampling = settings.resampling();
        labels = pictures.labels();
        encoder = new float[pictures.encoders() > 0 ? pictures.size() : 0][];
        if (pictures.encoders() > 0) {
            for (Batch batch : pictures.batches()) {
                try (NDArray patches = pictures.lastBlock(batch, which).get(new NDIndex(":, 1:"))) {
                    float[][] means = PatchTokens.means(patches);
                    System.arraycopy(means, 0, encoder, batch.first(), means.length);
                    if (settings.has(Part.SPATIAL)) {
                        encoderSpatial.addAll(PatchTokens.structures(patches, pictures.grid()));
                    }
                }
            }
        }
    }

    /** Whether there is more than one class to tell apart. */
    boolean hasClasses() {
        return Arrays.stream(labels).distinct().count() > 1;
    }

    /** What the encoder's own tokens say; it does not depend on t. */
    JsonObject ofEncoder() {
        JsonObject out = new JsonObject();
        if (encoder.length == 0) {
            return out;
        }
        if (settings.has(Part.SPATIAL)) {
            out.add("spatial", spatial(encoderSpatial));
        }
        if (settings.has(Part.PROBE) && hasClasses()) {
            out.add("probe", probe(encoder));
        }
        return out;
    }

    /** One object for each tap, 0 behind the mixer, k behind block k. */
    JsonArray of(Found found) {
        JsonArray taps = new JsonArray();
        for (int tap = 0; tap < found.pooled().size(); tap++) {
            JsonObject out = new JsonObject();
            out.addProperty("tap", tap);
            float[][] pooled = found.pooled().get(tap);
            if (settings.has(Part.SIMILARITY) && encoder.length > 0) {
                Similarity.Neighbours near = Similarity.neighbours(pooled, encoder, NEIGHBOURS, resampling);
                Similarity.Alignment cka = Similarity.cka(pooled, encoder, resampling);
                JsonObject similarity = new JsonObject();
                similarity.add("cknna", AnalysisJson.of(near.cknna()));
                similarity.add("mutualNeighbours", AnalysisJson.of(near.mutual()));
                similarity.add("ckaBiased", AnalysisJson.of(cka.biased()));
                similarity.add("ckaUnbiased", AnalysisJson.of(cka.unbiased()));
                out.add("similarity", similarity);
            }
            if (settings.has(Part.SPATIAL)) {
                out.add("spatial", spatial(found.spatial().get(tap)));
            }
            if (settings.has(Part.PROBE) && hasClasses()) {
                out.add("probe", probe(pooled));
            }
            taps.add(out);
        }
        return taps;
    }

    private JsonObject spatial(List<SpatialStructure> pictures) {
        SpatialStructure.Summary summary = SpatialStructure.summary(pictures, resampling);
        JsonObject out = new JsonObject();
        out.add("lds", AnalysisJson.of(summary.lds()));
        out.add("cds", AnalysisJson.of(summary.cds()));
        out.add("rmsc", AnalysisJson.of(summary.rmsc()));
        return out;
    }

    private JsonObject probe(float[][] features) {
        LinearProbe probe = LinearProbe.fit(features, labels, LinearProbe.Settings.DEFAULT, resampling);
        JsonObject out = new JsonObject();
        out.add("accuracy", AnalysisJson.of(probe.accuracy()));
        out.addProperty("regularisation", probe.regularisation());
        out.addProperty("trainingRows", probe.trainingRows());
        out.addProperty("testRows", probe.testRows());
        return out;
    }
}
