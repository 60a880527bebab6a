package io.github.maskalign.sit.run.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.maskalign.core.files.WeightsFile.Unknown;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.sample.ExpertField;
import io.github.maskalign.core.sample.ExpertField.Expert;
import io.github.maskalign.core.sample.VelocityField;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.run.internal.SampleSettings.ExpertWeights;
import io.github.maskalign.sit.weights.internal.OpenWeights;
import io.github.maskalign.sit.weights.internal.RunSnapshots;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * Open files of networks that draw some of the times in the place of a first one, which has all that they leave (eDiff-I). The
 * files stay open until this is closed.
 */
public final class ExpertModels implements Closeable {
    private static final List<Double> ALL = List.of(0.0, 1.0);

    private final List<Opened> opened = new ArrayList<>();

    private record Opened(Path path, OpenWeights file, SampleSource model, List<Double> times) {}

    /** Understands an open file. */
    @FunctionalInterface
    public interface Reading {
        /** Returns the model of a run folder or file. */
        SampleSource read(Path chosen, OpenWeights file) throws IOException;
    }

    private ExpertModels() {}

    /** Opens the files of experts, of which there may be none. */
    public static ExpertModels open(List<ExpertWeights> experts, Unknown unknown, Reading reading) throws IOException {
        ExpertModels all = new ExpertModels();
        try {
            for (ExpertWeights expert : experts) {
                Path path = expert.path();
                Path file = Files.isDirectory(path) ? RunSnapshots.newest(path) : path;
                OpenWeights weights = OpenWeights.open(file, null, unknown);
                try {
                    List<Double> given = expert.times();
                    List<Double> times = given == null ? times(path, weights) : given;
                    all.opened.add(new Opened(path, weights, reading.read(path, weights), times));
                } catch (IOException | RuntimeException e) {
                    weights.close();
                    throw e;
                }
            }
            all.opened.sort(Comparator.comparingDouble(e -> e.times.get(0)));
            return all;
        } catch (IOException | RuntimeException e) {
            all.close();
            throw e;
        }
    }

    /** Returns the times that a network was trained on: its run's {@code diffusion.tRange}, or all. */
    public static List<Double> times(Path chosen, OpenWeights file) throws IOException {
        if (SampleSource.isRun(chosen)) {
            return TrainedWeights.find(chosen).config().diffusion().tRange();
        }
        String text = file.file().metadata().get("config.diffusion.tRange");
        if (text == null || !text.matches("\\[[0-9.eE-]+, [0-9.eE-]+]")) {
            return ALL;
        }
        return Arrays.stream(text.substring(1, text.length() - 1).split(", "))
                .map(Double::valueOf)
                .toList();
    }

    /**
     * Returns a model whose network is that of {@code first} with the experts in its place at their times.
     *
     * @param chosen run folder or file of the first
     * @param times what the first was trained on
     * @throws IllegalArgumentException if a time is missing or given twice, or the models do not draw the same pictures
     */
    public SampleSource join(Path chosen, List<Double> times, SampleSource first) {
        if (opened.isEmpty()) {
            return first;
        }
        opened.forEach(expert -> requireAlike(chosen, first, expert));
        List<List<Double>> left = left();
        if (left.isEmpty()) {
            throw new IllegalArgumentException("the experts have all times, so " + chosen
                    + " has none: name it as one of them, or leave an expert out");
        }
        for (List<Double> gap : left) {
            requireTrained(chosen, times, gap);
        }
        new ExpertField(experts(left, Unloaded.FIELD, expert -> Unloaded.FIELD)); // refuses times that are given twice
        return first.withLoader(manager -> {
            VelocityField own = first.loader().load(manager);
            return new ExpertField(
                    experts(left, own, expert -> expert.model.loader().load(manager)));
        });
    }

    /** The times that are left must be among those of the first network. */
    private static void requireTrained(Path chosen, List<Double> times, List<Double> gap) {
        boolean below = gap.get(0) < times.get(0);
        if (!below && gap.get(1) <= times.get(1)) {
            return;
        }
        double from = below ? gap.get(0) : Math.max(gap.get(0), times.get(1));
        double to = below ? Math.min(gap.get(1), times.get(0)) : gap.get(1);
        throw new IllegalArgumentException("no network has the times from " + from + " to " + to + ": " + chosen
                + " was trained on those from " + times.get(0) + " to " + times.get(1)
                + " alone; name another with --expert");
    }

    /** Returns what pictures depend on: times and content of each expert. */
    public Map<String, String> facts() throws IOException {
        Map<String, String> facts = new TreeMap<>();
        for (int i = 0; i < opened.size(); i++) {
            Opened expert = opened.get(i);
            facts.put(
                    "expert_" + i,
                    expert.times + " " + Digests.sha256(expert.file.file().path()));
        }
        return facts;
    }

    @FunctionalInterface
    private interface Loading<E extends Exception> {
        VelocityField load(Opened expert) throws E;
    }

    private <E extends Exception> List<Expert> experts(List<List<Double>> left, VelocityField own, Loading<E> loading)
            throws E {
        List<Expert> all = new ArrayList<>();
        left.forEach(gap -> all.add(new Expert(gap.get(0), gap.get(1), own)));
        for (Opened expert : opened) {
            all.add(new Expert(expert.times.get(0), expert.times.get(1), loading.load(expert)));
        }
        return all;
    }

    /** The times that no expert has. */
    private List<List<Double>> left() {
        List<List<Double>> left = new ArrayList<>();
        double reached = 0;
        for (Opened expert : opened) {
            if (expert.times.get(0) > reached) {
                left.add(List.of(reached, expert.times.get(0)));
            }
            reached = Math.max(reached, expert.times.get(1));
        }
        if (reached < 1) {
            left.add(List.of(reached, 1.0));
        }
        return left;
    }

    private static void requireAlike(Path chosen, SampleSource first, Opened expert) {
        SiTConfig one = first.model();
        SiTConfig other = expert.model.model();
        boolean alike = one.model().inChannels() == other.model().inChannels()
                && one.model().inputSize() == other.model().inputSize()
                && one.model().numClasses() == other.model().numClasses()
                && one.classTokenWidth() == other.classTokenWidth()
                && one.process() == other.process()
                && first.path() == expert.model.path()
                && Objects.equals(first.scaling(), expert.model.scaling());
        if (!alike) {
            throw new IllegalArgumentException(expert.path + " draws other pictures than " + chosen
                    + ": experts must have the same latents, classes, class token and way between data and noise");
        }
    }

    @Override
    public void close() throws IOException {
        for (Opened expert : opened) {
            expert.file.close();
        }
    }

    /** Stands for networks while their times are checked. */
    private enum Unloaded implements VelocityField {
        FIELD;

        @Override
        public NDList velocity(NDList state, NDArray t, NDArray labels) {
            throw new IllegalStateException("no network has been loaded");
        }

        @Override
        public long nullLabel() {
            return 0;
        }
    }
}
