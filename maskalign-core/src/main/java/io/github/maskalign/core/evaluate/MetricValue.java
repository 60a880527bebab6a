package io.github.maskalign.core.evaluate;

/**
 * One number of a result.
 *
 * @param metric what was measured
 * @param title what to call it; says so if it is not the metric of the literature
 * @param estimate the number and its error
 */
public record MetricValue(Metric metric, String title, Estimate estimate) {}
