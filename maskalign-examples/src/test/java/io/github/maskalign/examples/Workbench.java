package io.github.maskalign.examples;

import java.util.List;
import picocli.CommandLine;

/** Commands that measure the library and make data to try it with: {@code scripts/bench/workbench}. */
final class Workbench {
    private Workbench() {}

    /** Runs a command and ends the JVM with its exit code. */
    public static void main(String[] args) {
        JvmDefaults.apply();
        Main.execute(commandLine(), args);
    }

    static CommandLine commandLine() {
        return Main.commandLine(List.of(
                new ServeStepsCommand(),
                new BenchPartCommand(),
                new MiniIlsvrcCommand(),
                new JudgeRankingCommand(),
                new GpuKitCommand()));
    }
}
