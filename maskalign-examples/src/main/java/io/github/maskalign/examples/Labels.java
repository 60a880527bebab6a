package io.github.maskalign.examples;

import java.util.ArrayList;
import java.util.List;
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
