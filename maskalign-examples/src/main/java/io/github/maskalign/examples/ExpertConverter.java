package io.github.maskalign.examples;

import io.github.maskalign.sit.run.internal.SampleSettings.ExpertWeights;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads {@code PATH} or {@code PATH:LO-HI}. */
final class ExpertConverter implements ITypeConverter<ExpertWeights> {
    private static final Pattern TIMES = Pattern.compile("(.+):([0-9.]+)-([0-9.]+)");

    @Override
    public ExpertWeights convert(String text) {
        Matcher times = TIMES.matcher(text);
        try {
            return times.matches()
                    ? new ExpertWeights(
                            Path.of(times.group(1)),
                            List.of(Double.valueOf(times.group(2)), Double.valueOf(times.group(3))))
                    : new ExpertWeights(Path.of(text), null);
        } catch (NumberFormatException e) {
            throw new TypeConversionException("'" + text + "' does not end in times such as :0.5-1");
        } catch (IllegalArgumentException e) {
            throw new TypeConversionException(e.getMessage());
        }
    }
}
