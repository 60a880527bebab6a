package io.github.maskalign.sit.lab.internal;

import static io.github.maskalign.sit.run.internal.Markup.escape;
import static io.github.maskalign.sit.run.internal.Markup.number;

import io.github.maskalign.sit.lab.ComparisonPlan;
import io.github.maskalign.sit.lab.ComparisonPlan.Variant;
import io.github.maskalign.sit.lab.internal.Cell.Outcome;
import io.github.maskalign.sit.lab.internal.ComparisonTable.Column;
import io.github.maskalign.sit.run.internal.Chart;
import io.github.maskalign.sit.run.internal.Curve;
import io.github.maskalign.sit.run.internal.ReportCharts.Drawing;
import io.github.maskalign.sit.run.internal.ReportPage;
import io.github.maskalign.sit.run.internal.ScoreId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.function.ToDoubleFunction;

/**
 * The comparison's part of a page: a table of means and paired differences with their intervals for each score, and the
 * scores over operations and over time.
 *
 * @param plan the plan
 * @param table the scores
 */
record ComparisonSection(ComparisonPlan plan, ComparisonTable table) implements ReportPage.Leading {
    @Override
    public void write(StringBuilder page, ReportPage of) {
        page.append(
                        "<section>\n<h2>Comparison</h2>\n<p>Means over seeds with 95 % intervals by Student’s t, and differences to <b>")
                .append(escape(plan.reference()))
                .append(
                        "</b> between runs of one seed. An interval that does not hold 0 is in bold. With this deviation so many seeds find a difference of at least <i>smallest seen</i> four times out of five; <i>seeds to see it</i> would find the one that was measured, if it is real.</p>\n");
        for (Column column : table.columns()) {
            scores(page, column);
        }
        table.finished().forEach((cell, outcome) -> {
            if (outcome.failure() != null) {
                page.append("<p class=\"warning\">")
                        .append(escape(cell.name() + " has no scores: " + outcome.failure()))
                        .append("</p>\n");
            }
        });
        of.figures(
                page,
                drawings(
                        "TFLOP of the model",
                        cell -> StepCosts.flops(cell.config().value()) / 1e12));
        of.figures(page, drawings("minutes of training", this::minutes));
        page.append("</section>\n");
    }

    /** The minutes of a step, the same for all seeds of a variant: the mean of what theirs took. */
    private double minutes(Cell of) {
        return table.finished().keySet().stream()
                        .filter(cell -> cell.variant().equals(of.variant()))
                        .mapToDouble(ComparisonSection::seconds)
                        .average()
                        .orElse(Double.NaN)
                / 60;
    }

    private static double seconds(Cell cell) {
        try {
            return StepCosts.measured(cell).orElse(Double.NaN);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void scores(StringBuilder page, Column column) {
        page.append("<div class=\"wide\"><table>\n<caption>")
                .append(escape(ScoreId.title(column.id())))
                .append(column.protocol().isEmpty() ? "" : ", protocol <code>" + escape(column.protocol()) + "</code>")
                .append(column.lowerIsBetter()
                        .map(less -> less ? ", less is better" : ", more is better")
                        .orElse(""))
                .append("</caption>\n<thead><tr><td></td><th scope=\"col\">seeds</th><th scope=\"col\">mean</th>")
                .append("<th scope=\"col\">sd</th><th scope=\"col\">interval</th><th scope=\"col\">difference</th>")
                .append(
                        "<th scope=\"col\">its interval</th><th scope=\"col\">smallest seen</th><th scope=\"col\">seeds to see it</th>")
                .append("</tr></thead>\n<tbody>\n");
        for (Variant variant : plan.variants()) {
            Map<Long, Double> values = table.bySeed(variant.name(), column);
            if (values.isEmpty()) {
                continue;
            }
            ScoreSummary mean = ScoreSummary.of(values.values());
            boolean base = variant.name().equals(plan.reference());
            ScoreSummary difference = table.difference(variant.name(), column);
            boolean apart = difference.low() > 0 || difference.high() < 0;
            page.append("<tr><th scope=\"row\">").append(escape(variant.name())).append("</th>");
            cell(page, Integer.toString(mean.n()));
            cell(page, number(mean.mean()));
            cell(page, number(mean.sd()));
            cell(page, interval(mean));
            cell(page, base ? "–" : number(difference.mean()));
            cell(page, base ? "–" : apart ? "<b>" + interval(difference) + "</b>" : interval(difference));
            ScoreSummary.Power power = base ? null : difference.power();
            cell(page, power == null ? "–" : number(power.detectable()));
            cell(
                    page,
                    power == null ? "–" : power.seedsNeeded() == 0 ? "> 10⁶" : Integer.toString(power.seedsNeeded()));
            page.append("</tr>\n");
        }
        page.append("</tbody></table></div>\n");
    }

    private static void cell(StringBuilder page, String content) {
        page.append("<td>").append(content).append("</td>");
    }

    private static String interval(ScoreSummary summary) {
        return Double.isNaN(summary.low()) ? "–" : number(summary.low()) + " … " + number(summary.high());
    }

    /** Scores over what a step costs. */
    private List<Drawing> drawings(String across, ToDoubleFunction<Cell> cost) {
        List<Drawing> drawings = new ArrayList<>();
        for (Column column : table.columns()) {
            Chart chart = new Chart(ScoreId.title(column.id()) + " over " + across, false, 0, across);
            List<Chart.Line> lines = new ArrayList<>();
            List<Variant> shown = plan.variants().stream()
                    .filter(variant -> table.finished().keySet().stream()
                            .anyMatch(cell -> cell.variant().equals(variant.name())))
                    .toList();
            for (int g = 0; g < shown.size(); g++) {
                String name = shown.get(g).name();
                List<Curve> curves = new ArrayList<>();
                table.finished().forEach((cell, outcome) -> {
                    if (cell.variant().equals(name)) {
                        curve(cell, outcome, column, cost.applyAsDouble(cell), curves);
                    }
                });
                lines.addAll(Chart.Line.of(g, curves, chart));
            }
            if (!lines.isEmpty()) {
                drawings.add(new Drawing(chart, lines));
            }
        }
        return drawings;
    }

    private static void curve(Cell cell, Outcome outcome, Column column, double cost, List<Curve> curves) {
        SortedMap<Long, Double> points = outcome.scores().get(column.score());
        if (points == null || points.size() < 2 || Double.isNaN(cost)) {
            return;
        }
        double[] x = points.keySet().stream().mapToDouble(step -> step * cost).toArray();
        double[] y = points.values().stream().mapToDouble(value -> value).toArray();
        curves.add(new Curve(cell.name(), x, y));
    }
}
