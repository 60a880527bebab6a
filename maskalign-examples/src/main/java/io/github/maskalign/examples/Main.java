package io.github.maskalign.examples;

import io.github.maskalign.core.engine.internal.NativeExit;
import io.github.maskalign.core.files.internal.MessageText;
import io.github.maskalign.examples.CommandFailure.ExitCode;
import io.github.maskalign.examples.Failures.Failure;
import io.github.maskalign.examples.natives.EngineNatives;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExecutionException;
import picocli.CommandLine.Help.ColorScheme;
import picocli.CommandLine.IHelpSectionRenderer;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.UsageMessageSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** The {@code maskalign} command: chooses a subcommand, prints errors, ends the JVM. */
@Command(
        name = "maskalign",
        synopsisSubcommandLabel = "COMMAND",
        description = "Trains and samples diffusion transformers with masked representation alignment.",
        footerHeading = "%nExamples:%n",
        footer = {"  maskalign doctor", "  maskalign help doctor"},
        subcommands = CommandLine.HelpCommand.class)
public final class Main implements Runnable {
    @Option(
            names = "--debug",
            scope = ScopeType.INHERIT,
            description = "Print the stack trace of every error.",
            showDefaultValue = CommandLine.Help.Visibility.NEVER)
    private boolean debug;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    private Main() {}

    /** The commands, in the order of the help text. */
    private static List<Object> commands() {
        return List.of(
                new DoctorCommand(),
                new NewConfigCommand(),
                new TrainCommand(),
                new TrainTeacherCommand(),
                new TrainAutoencoderCommand(),
                new TrainJudgeCommand(),
                new TrainCompressorCommand(),
                new StatusCommand(),
                new ReportCommand(),
                new CompareCommand(),
                new AnalyzeCommand(),
                new PrepareCommand(),
                new VerifyCommand(),
                new SampleCommand(),
                new EvaluateCommand(),
                new InfoCommand(),
                new MethodsCommand(),
                new SchemaCommand(),
                new InspectCommand(),
                new ConvertCommand(),
                new EncodeTextCommand(),
                new ParityCommand(),
                new BenchCommand());
    }

    /** Runs a command and ends the JVM with its exit code. */
    public static void main(String[] args) {
        JvmDefaults.apply();
        execute(commandLine(), args);
    }

    /** Runs a command of the line and ends the JVM with its exit code. */
    static void execute(CommandLine line, String[] args) {
        int exitCode = run(line.setExecutionStrategy(Main::executeReady), args);
        System.exit(exitCode == ExitCode.OK ? delivered() : exitCode);
    }

    /** Makes the engine's libraries ready if the command needs them, and runs it. */
    private static int executeReady(ParseResult parsed) {
        List<CommandLine> named = parsed.asCommandLineList();
        CommandLine last = named.get(named.size() - 1);
        boolean helps = named.stream().anyMatch(line -> line.isUsageHelpRequested() || line.isVersionHelpRequested());
        if (!helps && last.getCommand() instanceof UsesEngine command && command.usesEngine()) {
            try {
                NativeExit.install();
                EngineNatives.prepare();
            } catch (IOException e) {
                throw new ExecutionException(last, "the engine's libraries are not ready", e);
            }
        }
        return new CommandLine.RunLast().execute(parsed);
    }

    /** Tells whether all that was printed arrived. A reader who has seen enough, such as head, is no error. */
    private static int delivered() {
        if (!System.out.checkError()) {
            return ExitCode.OK;
        }
        String reason = "it is closed";
        try (FileOutputStream out = new FileOutputStream(FileDescriptor.out)) {
            out.write('\n'); // fails again and says why, which a PrintStream does not
        } catch (IOException e) {
            reason = String.valueOf(e.getMessage());
        }
        if (reason.contains("Broken pipe")) {
            return ExitCode.OK;
        }
        System.err.println("error: standard output cannot be written: " + reason);
        return ExitCode.CANNOT_WRITE;
    }

    /** Ends the JVM without waiting for anything: another process of the run is gone. */
    static void endAtOnce(int exitCode) {
        NativeExit.arm();
        Runtime.getRuntime().halt(exitCode);
    }

    static CommandLine commandLine() {
        return commandLine(commands());
    }

    static CommandLine commandLine(List<Object> commands) {
        CommandLine line = new CommandLine(new Main());
        for (Object command : commands) {
            line.addSubcommand(new CommandLine(command).addMixin("standard", new StandardOptions()));
        }
        line.addMixin("standard", new StandardOptions());
        return withErrorHandling(line);
    }

    /** Sets what holds for all commands that the line has by now. */
    static CommandLine withErrorHandling(CommandLine line) {
        Words.readBy(line);
        Map<String, IHelpSectionRenderer> sections = new HashMap<>(line.getHelpSectionMap());
        sections.put(UsageMessageSpec.SECTION_KEY_FOOTER, Examples::render);
        line.setHelpSectionMap(sections);
        return line.registerConverter(Path.class, Main::path)
                .setParameterExceptionHandler((error, args) -> usageError(error))
                .setExecutionExceptionHandler((error, where, parsed) -> report(where, error));
    }

    /** An empty text would name the current folder, as an unset variable of a script does. */
    private static Path path(String text) {
        if (text.isEmpty()) {
            throw new TypeConversionException("a path must not be empty");
        }
        try {
            return Path.of(text);
        } catch (InvalidPathException e) {
            throw new TypeConversionException("'" + text + "' is no path: " + e.getReason());
        }
    }

    /** Runs a command; errors that are no exceptions, such as a missing library, are reported alike. */
    static int run(CommandLine line, String... args) {
        try {
            return line.execute(args);
        } catch (Error error) {
            return report(line, error);
        }
    }

    /** Reached when no command is named. */
    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Missing command");
    }

    private static int usageError(ParameterException error) {
        CommandLine where = error.getCommandLine();
        PrintWriter err = where.getErr();
        ColorScheme colours = where.getColorScheme();
        err.println(colours.errorText("error: " + MessageText.message(String.valueOf(error.getMessage()))));
        UnmatchedArgumentException.printSuggestions(error, err);
        err.println("Try '" + where.getCommandSpec().qualifiedName() + " --help'.");
        return ExitCode.BAD_INPUT;
    }

    private static int report(CommandLine where, Throwable error) {
        Failure failure = Failures.of(error);
        PrintWriter err = where.getErr();
        err.println(where.getColorScheme().errorText("error: " + MessageText.message(failure.message())));
        Main main = root(where).getCommand();
        if (main.debug || !failure.known()) {
            error.printStackTrace(err);
        }
        err.flush();
        return failure.exitCode();
    }

    private static CommandLine root(CommandLine where) {
        CommandLine root = where;
        while (root.getParent() != null) {
            root = root.getParent();
        }
        return root;
    }

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
    static final class StandardOptions {}

    /** A command that computes with the engine, whose native libraries are made ready before it runs. */
    interface UsesEngine {
        /** Tells whether this call of the command does, once its options are known. */
        default boolean usesEngine() {
            return true;
        }
    }

    /** The versions that tell one installation from another, read from the jars without loading the engine. */
    static final class Version implements IVersionProvider {
        /** Made by the build; missing when the classes are run without a jar. */
        private static final String POM = "/META-INF/maven/io.github.maskalign/maskalign-examples/pom.properties";

        @Override
        public String[] getVersion() {
            return new String[] {
                "maskalign " + ours(),
                "DJL " + read("/ai/djl/engine/api.properties", "djl_version") + ", Java "
                        + System.getProperty("java.version")
            };
        }

        /** Returns the version of MaskAlign, or {@code development} if it does not run from a jar. */
        static String ours() {
            return read(POM, "version");
        }

        private static String read(String resource, String key) {
            Properties properties = new Properties();
            try (InputStream in = Version.class.getResourceAsStream(resource)) {
                if (in != null) {
                    properties.load(in);
                }
            } catch (IOException e) {
                return "unreadable: " + e.getMessage();
            }
            return properties.getProperty(key, "development");
        }
    }
}
