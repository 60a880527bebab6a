package io.github.maskalign.examples;

import picocli.CommandLine.Command;

/** What {@link Main} adds to every command: help, version and the exit codes. */
@Command(
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        sortOptions = false,
        showDefaultValues = true,
        abbreviateSynopsis = true,
        usageHelpAutoWidth = true,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "  0:done",
            "  1:a check or the run failed",
            "  2:wrong usage, config or input file",
            "  3:training diverged: too many losses or gradients were not finite",
            "  4:cannot write: disk full, no permission, folder in use",
            "130:ended by SIGINT (Ctrl-C)",
            "143:ended by SIGTERM"
        })
final class StandardOptions {}
