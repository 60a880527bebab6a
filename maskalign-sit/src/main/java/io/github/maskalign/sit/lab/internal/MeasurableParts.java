package io.github.maskalign.sit.lab.internal;

import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTConfig.AlignConfig.ProjectorKind;
import io.github.maskalign.sit.lab.Analysis.Part;
import io.github.maskalign.sit.run.RunConfig;
import io.github.maskalign.sit.run.RunConfig.EncoderSection;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * What can be measured: whatever data and model allow of what was asked, with a note on the rest.
 *
 * @param asked what was asked
 * @param base whose data and encoders are used
 * @param pictures the data
 * @param notes grows
 */
record MeasurableParts(AnalysisSettings asked, RunConfig base, AnalysisPictures pictures, Set<String> notes) {
    private static final Set<Part> OF_ALIGNMENT = EnumSet.of(Part.GRADIENTS, Part.STABILITY, Part.CONFLICT);
    private static final Set<Part> OF_TAPS = EnumSet.of(Part.SIMILARITY, Part.SPATIAL, Part.PROBE);
    private static final String NO_ENCODER = "without an encoder there are no gradients, stability%s and conflict%s:"
            + " name a run or config that has one with --like";

    /** Returns the names of what was asked for. */
    static List<String> names(AnalysisSettings settings) {
        return settings.parts().stream()
                .map(part -> part.name().toLowerCase(Locale.ROOT))
                .toList();
    }

    /** Returns what the data allow. */
    AnalysisSettings ofData() {
        Set<Part> parts = EnumSet.copyOf(asked.parts());
        if (!pictures.hasTokens()) {
            boolean borrowed = pictures.encoders() > 0;
            boolean less = parts.removeAll(OF_ALIGNMENT);
            if (borrowed && parts.contains(Part.SIMILARITY)) {
                notes.add(String.format(Locale.ROOT, NO_ENCODER, "", ", and similarity is to the embedded teacher"));
            } else if (parts.remove(Part.SIMILARITY) | less) {
                notes.add(String.format(Locale.ROOT, NO_ENCODER, ", similarity", ""));
            }
        }
        if (parts.contains(Part.SPATIAL) && !PatchTokens.measurable(pictures.grid())) {
            parts.remove(Part.SPATIAL);
            notes.add("spatial is left out, as a grid of " + pictures.grid() + " x " + pictures.grid()
                    + " tokens is too small for iREPA's distances");
        }
        return with(parts);
    }

    private AnalysisSettings with(Set<Part> parts) {
        if (parts.isEmpty()) {
            throw new IllegalArgumentException(
                    "nothing of " + names(asked) + " can be measured: " + String.join("; ", notes));
        }
        return asked.withParts(parts);
    }

    /**
     * Returns the projectors of a model that follow an encoder; those of all its depths if it is the only one.
     *
     * @param encoder number of the encoder, from 0
     */
    List<Integer> projectors(SiTConfig model, int encoder) {
        int all = model.encoderWidths().size();
        if (pictures.encoders() <= 1) {
            return IntStream.range(0, all).boxed().toList();
        }
        return encoder < all ? List.of(encoder) : List.of();
    }

    /**
     * Returns what a model allows of what the data do.
     *
     * @param possible what the data allow
     * @param projector which projector is looked at; negative if none follows the encoder
     * @param again whether taps were looked at before, with another projector
     */
    AnalysisSettings ofModel(String name, SiTConfig model, AnalysisSettings possible, int projector, boolean again) {
        Set<Part> parts = EnumSet.copyOf(possible.parts());
        if (again) {
            parts.removeAll(OF_TAPS);
            return possible.withParts(parts);
        }
        if (projector < 0 && parts.removeAll(OF_ALIGNMENT)) {
            notes.add(name
                    + (model.align().enabled() ? " has no projector for this encoder" : " has no projectors")
                    + ", so gradients, stability and conflict of an alignment are not measured");
        }
        if (projector >= 0 && !AnalysedWeights.canDrop(model, projector)) {
            boolean convolves = model.align().projector() == ProjectorKind.CONV;
            notes.add(
                    convolves
                            ? name + " has a convolution for a projector, which needs the whole grid, so there is no"
                                    + " masked forward; and a token's gradient depends on its neighbours, so it is no product"
                                    + " of its own factors"
                            : name + " is aligned in a block that sees all tokens whatever is dropped, so there is no"
                                    + " masked forward");
            parts.remove(Part.STABILITY);
        }
        return with(parts);
    }

    /** @throws IllegalArgumentException if a model is not one for these data and encoders */
    void requireFits(String name, SiTConfig model) {
        int[][] pairs = {
            {model.model().inputSize(), base.model().inputSize()},
            {model.latentChannels(), base.model().inChannels()},
            {model.model().numClasses(), base.model().numClasses()}
        };
        String[] keys = {"inputSize", "inChannels", "numClasses"};
        for (int i = 0; i < keys.length; i++) {
            if (pairs[i][0] != pairs[i][1]) {
                throw new IllegalArgumentException(
                        name + " has model." + keys[i] + " " + pairs[i][0] + " but the data are for " + pairs[i][1]);
            }
        }
        if (model.grid() != pictures.grid()) {
            throw new IllegalArgumentException(name + " has " + model.grid() + " x " + model.grid()
                    + " tokens but the encoder is asked for " + pictures.grid() + " x " + pictures.grid());
        }
        if (!pictures.hasTokens()) {
            if (model.hasClassToken() || model.featureChannels() > 0) {
                throw new IllegalArgumentException(name
                        + (model.hasClassToken() ? " has a class token" : " generates features")
                        + ", which an encoder must give, but the data have none");
            }
            return;
        }
        requireWidths(name, model);
        if (model.featureChannels() > 0 && pictures.basis().isEmpty() && width(0) != model.featureChannels()) {
            throw new IllegalArgumentException(name + " generates features, terms.features, for which the data of "
                    + base.name() + " have no basis: name its own run or config with --like");
        }
    }

    private void requireWidths(String name, SiTConfig model) {
        List<Integer> widths = model.encoderWidths();
        boolean fits = model.classTokenWidth() == 0 || model.classTokenWidth() == width(0);
        for (int i = 0; i < widths.size(); i++) {
            int encoder = pictures.encoders() == 1 ? 0 : i;
            fits &= encoder < pictures.encoders() && widths.get(i) == width(encoder);
        }
        if (!fits) {
            throw new IllegalArgumentException(name + " aligns with tokens of widths " + widths
                    + " and has a class token of width " + model.classTokenWidth() + " but "
                    + (pictures.encoders() == 1 ? "the encoder's have width " : "those of the encoders have ")
                    + (pictures.encoders() == 1
                            ? width(0)
                            : base.encoders().stream()
                                    .map(EncoderSection::width)
                                    .toList()));
        }
    }

    private int width(int encoder) {
        return base.encoders().get(encoder).width();
    }
}
