package io.github.maskalign.core.train;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;

/**
 * Starts a training program in a child process, kills it with SIGKILL at random instants, starts the same
 * command again, and at last lets it finish.
 *
 * <p>The instant is random in two ways: some lines of progress after the start, and some milliseconds more,
 * so that it falls into steps, into saving and in between. The program must print a line for each step and
 * end with exit code 0.
 *
 * @param command the command, the same each time
 * @param isStep tells the lines that mean that one more step was done
 * @param kills how often to kill
 * @param maxSteps a kill comes after at most so many steps of a start; at least 1
 * @param maxMillis and at most so many milliseconds later
 * @param random source of the instants
 */
public record KillAndResume(
        List<String> command,
        Predicate<String> isStep,
        int kills,
        int maxSteps,
        int maxMillis,
        RandomGenerator random) {
    private static final long TIMEOUT_SECONDS = 300;

    /**
     * What happened in one start of the program.
     *
     * @param lines what it printed
     * @param killed whether it was killed
     */
    public record Attempt(List<String> lines, boolean killed) {}

    /** Returns the command that runs a class of the test class path in a JVM of its own. */
    public static List<String> jvm(Class<?> main, String... arguments) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-XX:TieredStopAtLevel=1",
                "-DOPT_OUT_TRACKING=true",
                "-Dai.djl.offline=true",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                main.getName()));
        command.addAll(List.of(arguments));
        return command;
    }

    /**
     * Runs to the end.
     *
     * @param errors file that takes what the program writes to its error stream
     * @return all attempts; the last one was not killed
     * @throws IllegalStateException if the program fails by itself, or ends before it could be killed so often
     */
    public List<Attempt> run(Path errors) throws IOException, InterruptedException {
        List<Attempt> attempts = new ArrayList<>();
        for (int i = 0; i < kills; i++) {
            attempts.add(attempt(errors, 1 + random.nextInt(maxSteps)));
            if (!attempts.get(i).killed()) {
                throw new IllegalStateException(
                        "the program ended after " + i + " kills of " + kills + ": make it longer");
            }
        }
        attempts.add(attempt(errors, Integer.MAX_VALUE));
        return attempts;
    }

    private Attempt attempt(Path errors, int steps) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.appendTo(errors.toFile()))
                .redirectInput(new File("/dev/null"))
                .start();
        List<String> lines = new ArrayList<>();
        boolean killed = false;
        try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
            int done = 0;
            for (String line = out.readLine(); line != null; line = out.readLine()) {
                lines.add(line);
                if (isStep.test(line) && ++done == steps) {
                    Thread.sleep(random.nextInt(maxMillis + 1));
                    process.toHandle().destroyForcibly(); // Process.destroyForcibly would close our end of the pipe
                    killed = true;
                }
            }
            if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
                throw new IllegalStateException("the program closed its output but did not end");
            }
        } finally {
            process.destroyForcibly();
        }
        int code = process.exitValue();
        killed &= code == 137; // 128 + SIGKILL; it may have ended by itself in the meantime
        if (code != 0 && !killed) {
            throw new IllegalStateException("the program ended with exit code " + code + ", see " + errors
                    + "; it said " + lines.subList(Math.max(0, lines.size() - 5), lines.size()));
        }
        return new Attempt(lines, killed);
    }
}
