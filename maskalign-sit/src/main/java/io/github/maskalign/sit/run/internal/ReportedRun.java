package io.github.maskalign.sit.run.internal;

import io.github.maskalign.core.evaluate.FeatureExtractor.FeatureSpace;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.PictureReader;
import io.github.maskalign.core.image.PictureWriter;
import io.github.maskalign.core.image.Resampler;
import io.github.maskalign.sit.run.RunStatus;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What a report tells of one run, read from its folder without disturbing it.
 *
 * @param label name in the report, different from that of other runs
 * @param facts its settings
 * @param status how far it is
 * @param stats what it recorded
 * @param grids its pictures in the order of steps
 * @param scores results of {@code evaluate} that lie in the folder
 * @param provenance what it was computed with; JSON
 * @param attribution who made the training pictures; empty if nothing is known
 * @param classes names of the classes, as far as they are known
 */
public record ReportedRun(
        String label,
        RunFacts facts,
        RunStatus status,
        StatsFile stats,
        List<Grid> grids,
        List<ScoreFile> scores,
        String provenance,
        String attribution,
        ClassNames classes) {
    private static final Pattern GRID = Pattern.compile("samples-(\\d{7,18})\\.png");
    private static final int WIDEST = 1024;

    /**
     * A grid of samples.
     *
     * @param step when it was drawn
     * @param picture a PNG or JPEG file
     * @param width its width in pixels
     * @param height its height in pixels
     * @param link where the whole picture lies, seen from the page; null if this is all there is
     */
    record Grid(
            long step,
            byte[] picture,
            int width,
            int height,
            @Nullable String link) {}

    /** Reads a run for a page that holds its pictures. */
    public static ReportedRun read(Path folder, String label, int mostGrids) throws IOException {
        return read(folder, label, mostGrids, null);
    }

    /**
     * Reads a run.
     *
     * @param mostGrids most sample grids
     * @param previews how they are made small; null for as they are
     */
    public static ReportedRun read(Path folder, String label, int mostGrids, @Nullable GridPreviews previews)
            throws IOException {
        RunStatus status = RunStatus.read(folder, false);
        List<ScoreFile> scores = new ArrayList<>();
        for (Path file : named(folder, Pattern.compile("(evaluation|scores).*\\.json"))) {
            scores.add(ScoreFile.read(file));
        }
        RunFacts facts = RunFacts.read(folder);
        return new ReportedRun(
                label,
                facts,
                status,
                named(StatsFile.read(folder.resolve("stats.jsonl")), facts),
                grids(folder, status.step(), mostGrids, previews),
                scores,
                text(folder.resolve("provenance.json")),
                text(folder.resolve("ATTRIBUTION.txt")),
                ClassNames.read(folder));
    }

    /** The records under today's names; a run that an older version began has both. */
    private static StatsFile named(StatsFile stats, RunFacts facts) {
        if (facts.space().isEmpty()) { // a program's run, which has today's names
            return stats;
        }
        FeatureSpace space = ScoreId.space(facts.space());
        Map<String, Curve> curves = new TreeMap<>();
        stats.curves().forEach((name, curve) -> curves.merge(ScoreId.ofStats(name, space), curve, Curve::with));
        return new StatsFile(curves, stats.damaged());
    }

    private static List<Grid> grids(Path folder, long lastStep, int most, @Nullable GridPreviews previews)
            throws IOException {
        List<Path> files = new ArrayList<>(named(folder, GRID));
        Path last = folder.resolve("samples.png");
        if (Files.exists(last)) {
            files.removeIf(file -> step(file, -1) == lastStep);
            files.add(last);
        }
        List<Grid> out = new ArrayList<>();
        int wanted = Math.min(most, files.size());
        for (int i = 0; i < wanted; i++) { // evenly spaced, the last among them
            int back = wanted == 1 ? 0 : (int) Math.round((wanted - 1.0 - i) * (files.size() - 1.0) / (wanted - 1));
            Path file = files.get(files.size() - 1 - back);
            long step = step(file, lastStep);
            out.add(previews == null ? grid(file, step) : previews.of(file, PictureReader.read(file), step));
        }
        return out;
    }

    private static long step(Path grid, long otherwise) {
        Matcher name = GRID.matcher(String.valueOf(grid.getFileName()));
        return name.matches() ? Long.parseLong(name.group(1)) : otherwise;
    }

    private static Grid grid(Path file, long step) throws IOException {
        Picture picture = PictureReader.read(file);
        if (picture.width() > WIDEST) {
            int height = Math.max(1, Math.round((float) picture.height() * WIDEST / picture.width()));
            picture = Resampler.BICUBIC.resize(picture, WIDEST, height);
            return new Grid(step, PictureWriter.png(picture, PictureWriter.Packing.DEFLATED), WIDEST, height, null);
        }
        return new Grid(step, Files.readAllBytes(file), picture.width(), picture.height(), null);
    }

    private static List<Path> named(Path folder, Pattern pattern) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file ->
                            pattern.matcher(String.valueOf(file.getFileName())).matches())
                    .sorted()
                    .toList();
        }
    }

    private static String text(Path file) throws IOException {
        return Files.isRegularFile(file) ? new String(Files.readAllBytes(file), StandardCharsets.UTF_8) : "";
    }

    /** Returns pictures a second at each recorded step. */
    List<Curve> rates() {
        Curve seconds = stats.curves().get("seconds");
        if (seconds == null) {
            return List.of();
        }
        int batch = facts.batch();
        return List.of(seconds.named("rate").mapped(value -> batch / value));
    }
    /** Returns the median of pictures a second; NaN if nothing is recorded. */
    double rate() {
        return median(rates());
    }

    /** Returns about how long it trained, in seconds; NaN if nothing is recorded. */
    double seconds() {
        return median(stats.curves(List.of("seconds"))) * status.step();
    }

    private static double median(List<Curve> curves) {
        double[] sorted = curves.stream()
                .flatMapToDouble(curve -> DoubleStream.of(curve.values()))
                .filter(Double::isFinite)
                .sorted()
                .toArray();
        return sorted.length == 0 ? Double.NaN : sorted[sorted.length / 2];
    }
}
