package io.github.maskalign.core.distributed;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.junit.jupiter.api.Assumptions;

/** Starts a program in several processes with Open MPI's {@code mpirun}, where that is installed. */
public final class MpiRun implements AutoCloseable {
    private static final long TIMEOUT_SECONDS = 300;

    private final Process process;
    private final Path output;

    private MpiRun(Process process, Path output) {
        this.process = process;
        this.output = output;
    }

    /**
     * What came of it.
     *
     * @param exitCode exit code of mpirun
     * @param text what all ranks wrote, output and errors
     */
    public record Result(int exitCode, String text) {
        /** Returns the lines that begin with a word, without it, sorted. */
        public List<String> lines(String word) {
            return text.lines()
                    .filter(line -> line.startsWith(word + " "))
                    .map(line -> line.substring(word.length() + 1))
                    .sorted()
                    .toList();
        }
    }

    /** Skips the test where there is no mpirun. */
    public static void assumeInstalled() {
        boolean found = Arrays.stream(System.getenv("PATH").split(File.pathSeparator))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, "mpirun")));
        Assumptions.assumeTrue(found, "needs mpirun of Open MPI (Debian: apt-get install openmpi-bin)");
    }

    /**
     * Starts a main class of the test class path.
     *
     * @param folder where the output is kept
     * @param ranks number of processes
     */
    public static MpiRun start(Path folder, int ranks, Class<?> main, String... arguments) throws IOException {
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        List<String> program = new ArrayList<>(List.of(
                java.toString(),
                "-Xmx512m",
                "-XX:TieredStopAtLevel=1",
                "-DOPT_OUT_TRACKING=true",
                "-Dai.djl.offline=true",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                main.getName()));
        program.addAll(List.of(arguments));
        return start(folder, ranks, program);
    }

    /** Starts any command. */
    public static MpiRun start(Path folder, int ranks, List<String> program) throws IOException {
        return start(folder, ranks, 1, program);
    }

    /**
     * Starts any command.
     *
     * @param grace seconds that mpirun waits before and after SIGTERM when it ends the ranks
     */
    public static MpiRun start(Path folder, int ranks, int grace, List<String> program) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                "mpirun",
                "--allow-run-as-root",
                "--oversubscribe", // more ranks than cores
                "--bind-to",
                "none",
                "--mca",
                "mpi_yield_when_idle", // and so: do not spin while another rank needs the core
                "1",
                "--mca",
                "odls_base_sigkill_timeout",
                Integer.toString(grace),
                "-n",
                Integer.toString(ranks)));
        command.addAll(program);
        Path output = Files.createTempFile(folder, "mpirun-", ".txt");
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .redirectInput(new File("/dev/null"));
        builder.environment().put("OMP_NUM_THREADS", "1"); // the ranks share the cores
        return new MpiRun(builder.start(), output);
    }

    /** Waits until a line of the output fits, and returns it. */
    public String await(Predicate<String> wanted) throws IOException, InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS);
        while (System.nanoTime() < end) {
            boolean alive = process.isAlive();
            for (String line :
                    Files.readString(output, StandardCharsets.UTF_8).lines().toList()) {
                if (wanted.test(line)) {
                    return line;
                }
            }
            if (!alive) {
                break;
            }
            Thread.sleep(20);
        }
        throw new IllegalStateException("the awaited line did not come:\n" + Files.readString(output));
    }

    /** Returns the processes of the ranks, in the order in which they were started. */
    public List<ProcessHandle> ranks() {
        return process.children()
                .sorted(Comparator.comparingLong(ProcessHandle::pid))
                .toList();
    }

    /** Sends SIGTERM to mpirun, as Ctrl-C or a scheduler would. */
    public void terminate() {
        process.toHandle().destroy();
    }

    /** Waits for the end. */
    public Result result() throws IOException, InterruptedException {
        if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
            process.toHandle().destroy();
            throw new IllegalStateException("the ranks did not end:\n" + Files.readString(output));
        }
        return new Result(process.exitValue(), Files.readString(output, StandardCharsets.UTF_8));
    }

    @Override
    public void close() {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.toHandle().destroyForcibly();
    }
}
