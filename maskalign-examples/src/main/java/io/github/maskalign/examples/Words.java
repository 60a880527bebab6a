package io.github.maskalign.examples;

import io.github.maskalign.core.config.ConfigBinder;
import java.util.Arrays;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.TypeConversionException;

/** Options whose values are constants of an enum read the words that configs read. */
final class Words {
    private Words() {}

    /** Lets the options of a line and of its subcommands read them. */
    static void readBy(CommandLine line) {
        for (ArgSpec option : line.getCommandSpec().args()) {
            Class<?> type = option.auxiliaryTypes()[0];
            if (type.isEnum()) {
                readBy(line, type);
            }
        }
        line.getSubcommands().values().forEach(Words::readBy);
    }

    private static <E> void readBy(CommandLine line, Class<E> type) {
        line.registerConverter(
                type,
                word -> ConfigBinder.constant(type, word)
                        .orElseThrow(() -> new TypeConversionException("expected one of "
                                + Arrays.toString(type.getEnumConstants()) + " but was '" + word + "'")));
    }
}
