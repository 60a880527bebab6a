package io.github.maskalign.examples;

import io.github.maskalign.sit.run.internal.LatentSampling;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * Class labels in the order in which pictures are made, written as numbers and ranges: {@code 207,360,0-3}.
 *
 * @param values the labels; used from the start again when more pictures are wanted
 */
record Labels(List<Integer> values) {
    private static final int MOST = 100_000;

    Labels {
        values = List.copyOf(values);
    }

    /**
     * Returns the labels of pictures.
     *
     * @param labels those asked for, used again and again; null for all classes
     * @param balanced whether all classes come in turn; otherwise they are drawn at random from a seed
     * @param classes number of classes
     */
    static long[] choose(@Nullable Labels labels, boolean balanced, long seed, int count, int classes) {
        if (labels == null) {
            return balanced
                    ? LongStream.range(0, count).map(i -> i % classes).toArray()
                    : LatentSampling.randomLabels(seed, 0, count, classes);
        }
        for (int label : labels.values) {
            if (label >= classes) {
                throw CommandFailure.badInput("--labels must be in [0, " + (classes - 1) + "] but held " + label);
            }
        }
        return LongStream.range(0, count)
                .map(i -> labels.values.get((int) (i % labels.values.size())))
                .toArray();
    }

    /** Reads numbers and ranges that are separated by commas. */
    static final class Converter implements ITypeConverter<Labels> {
        @Override
        public Labels convert(String text) {
            List<Integer> values = new ArrayList<>();
            for (String part : text.split(",", -1)) {
                if (!part.strip().matches("\\d{1,9}(-\\d{1,9})?")) {
                    throw new TypeConversionException(
                            "'" + part + "' is neither a label nor a range; write labels as 207,360,0-3");
                }
                String[] ends = part.strip().split("-", 2);
                int first = Integer.parseInt(ends[0]);
                int last = Integer.parseInt(ends[ends.length - 1]);
                if (last < first || last - first >= MOST) {
                    throw new TypeConversionException(
                            "range " + part + " must rise and hold at most " + MOST + " labels");
                }
                for (int label = first; label <= last; label++) {
                    values.add(label);
                }
            }
            return new Labels(values);
        }
    }
}
