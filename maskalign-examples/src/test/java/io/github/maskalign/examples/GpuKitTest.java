package io.github.maskalign.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.maskalign.examples.bench.GpuKit;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** With {@code -Dtest.python=PATH} of a Python that has PyTorch, what is written is also run. */
class GpuKitTest {
    private static final Path ROOT = Path.of("..");
    private static final long MOST_BYTES = 20_000_000;

    @TempDir
    static Path folder;

    private static Path kit = Path.of("");
    private static long bytes;

    @BeforeAll
    static void write() throws IOException {
        kit = folder.resolve("kit");
        bytes = GpuKit.write(ROOT, kit, "test");
    }

    @Test
    void isOneSmallFolderWithAllThatItNames() throws Exception {
        JsonObject index = json(kit.resolve("kit.json"));
        Set<String> named = new HashSet<>(index.getAsJsonObject("files").keySet());
        named.add("kit.json");
        try (Stream<Path> all = Files.walk(kit)) {
            List<Path> files = all.filter(Files::isRegularFile).toList();
            assertThat(files.stream().map(file -> kit.relativize(file).toString()))
                    .containsExactlyInAnyOrderElementsOf(named);
            long total = 0;
            for (Path file : files) {
                total += Files.size(file);
            }
            assertThat(bytes).isEqualTo(total).isLessThan(MOST_BYTES);
        }
        assertThat(named)
                .contains("first_run.py", "sit_reference.py", "losses_reference.py", "plans/XL-2-maskalign-bf16.json")
                .filteredOn(name -> name.startsWith("plans/"))
                .hasSize(12);
    }

    @Test
    void everyCallTakesWhatIsThereAndEveryWeightIsUsedAndUpdated() throws Exception {
        for (Path file : plans()) {
            JsonObject plan = json(file);
            Set<String> known = new HashSet<>(Set.of("constant.decays"));
            Set<String> weights = new HashSet<>();
            plan.getAsJsonArray("inputs")
                    .forEach(input -> known.add(
                            "input." + input.getAsJsonObject().get("name").getAsString()));
            for (JsonElement element : plan.getAsJsonArray("weights")) {
                JsonObject weight = element.getAsJsonObject();
                String key = weight.get("key").getAsString();
                weights.add("weight." + key);
                known.add("weight." + key);
                known.add("ema." + key);
                if (weight.get("trained").getAsBoolean()) {
                    known.add("exp_avg." + key);
                    known.add("exp_avg_sq." + key);
                }
            }
            Set<String> used = new HashSet<>();
            for (String part : List.of("forward", "update")) {
                Set<String> read = new HashSet<>();
                for (JsonElement element : plan.getAsJsonArray(part)) {
                    JsonArray call = element.getAsJsonArray();
                    JsonObject function = plan.getAsJsonObject("functions")
                            .getAsJsonObject(call.get(0).getAsString());
                    assertThat(kit.resolve(function.get("file").getAsString())).isRegularFile();
                    assertThat(call.get(1).getAsJsonArray()).hasSameSizeAs(function.getAsJsonArray("parameters"));
                    for (String name : names(call.get(1).getAsJsonArray())) {
                        assertThat(known).as(file + ", " + call.get(0)).contains(name);
                        read.add(name);
                    }
                    call.get(2).getAsJsonArray().forEach(result -> known.add(result.getAsString()));
                }
                assertThat(read).as(part + " of " + file).containsAll(weights);
                used.addAll(read);
            }
            assertThat(used)
                    .as("state of " + file)
                    .containsAll(known.stream()
                            .filter(name -> name.matches("(ema|exp_avg|exp_avg_sq|input|constant)\\..*"))
                            .toList());
        }
    }

    @Test
    void whatIsThereIsNotOverwritten() {
        assertThatThrownBy(() -> GpuKit.write(ROOT, kit, "test"))
                .isInstanceOf(FileAlreadyExistsException.class)
                .hasMessageContaining("must be new or empty but holds");
    }

    @Test
    void firstRunChecksAndTimesOnACpu() throws Exception {
        Path results = folder.resolve("results.json");

        Ended ended = run("first_run.py", "--device", "cpu", "--tiny", "--minutes", "3", "--out", "" + results);

        assertThat(ended.code).as(ended.output).isZero();
        JsonObject found = json(results);
        assertThat(found.getAsJsonArray("checks"))
                .hasSize(10)
                .allSatisfy(check -> assertThat(
                                check.getAsJsonObject().get("passed").getAsBoolean())
                        .as(check.toString())
                        .isTrue());
        assertThat(found.getAsJsonArray("cases"))
                .hasSize(5)
                .filteredOn(timed -> !isCompiled(timed)) // which needs a C++ compiler and time
                .hasSize(4)
                .allSatisfy(timed -> assertThat(timed.getAsJsonObject().has("step_ms"))
                        .as(timed.toString())
                        .isTrue());
        assertThat(found.get("complete").getAsBoolean()).isTrue();
    }

    private static boolean isCompiled(JsonElement timed) {
        JsonArray names = timed.getAsJsonObject().getAsJsonArray("case");
        return names.get(names.size() - 1).getAsString().equals("compile");
    }

    @Test
    void firstRunSaysWhichCheckFailed() throws Exception {
        String plan = "plans/tiny-reg-float32.json";
        String whole = Files.readString(kit.resolve(plan));
        String index = Files.readString(kit.resolve("kit.json"));
        String changed = whole.replace("\"coeff\":0.5,", "\"coeff\":0.51,"); // which only PyTorch's program reads
        assertThat(changed).isNotEqualTo(whole);
        try {
            Files.writeString(kit.resolve(plan), changed);
            Files.writeString(kit.resolve("kit.json"), index.replace(sha256(whole), sha256(changed)));

            Ended ended =
                    run("first_run.py", "--device", "cpu", "--tiny", "--only", "no such", "--out", folder + "/no.json");

            assertThat(ended.code).as(ended.output).isEqualTo(1);
            assertThat(ended.output.lines().filter(line -> line.startsWith("FAILED")))
                    .singleElement()
                    .asString()
                    .contains("tiny reg float32: ours and eager PyTorch");
        } finally {
            Files.writeString(kit.resolve(plan), whole);
            Files.writeString(kit.resolve("kit.json"), index);
        }
    }

    @Test
    void firstRunRefusesAKitThatWasCut() throws Exception {
        Path plan = kit.resolve("plans/tiny-reg-bf16.json");
        byte[] whole = Files.readAllBytes(plan);
        Files.write(plan, new byte[] {'{'});
        try {
            Ended ended = run("first_run.py", "--device", "cpu", "--tiny", "--out", folder + "/no.json");

            assertThat(ended.code).isEqualTo(2);
            assertThat(ended.output).contains("plans/tiny-reg-bf16.json", "copy the folder again");
        } finally {
            Files.write(plan, whole);
        }
    }

    @Test
    void traceOfAGpuIsCounted() throws Exception {
        Path trace = folder.resolve("trace.json");
        Files.writeString(trace, """
                {"traceEvents": [
                {"ph": "X", "cat": "user_annotation", "name": "first_run_step", "ts": 100, "dur": 50},
                {"ph": "X", "cat": "gpu_user_annotation", "name": "first_run_step", "ts": 101, "dur": 80},
                {"ph": "X", "cat": "cpu_op", "name": "aten::mm", "ts": 101, "dur": 3},
                {"ph": "X", "cat": "cpu_op", "name": "aten::before", "ts": 90, "dur": 3},
                {"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "ts": 102, "dur": 1},
                {"ph": "X", "cat": "cuda_driver", "name": "cuLaunchKernelEx", "ts": 103, "dur": 1},
                {"ph": "X", "cat": "cuda_runtime", "name": "cudaStreamSynchronize", "ts": 110, "dur": 9},
                {"ph": "X", "cat": "cuda_runtime", "name": "cudaDeviceSynchronize", "ts": 160, "dur": 9},
                {"ph": "X", "cat": "cuda_runtime", "name": "cudaMemcpyAsync", "ts": 111, "dur": 1},
                {"ph": "X", "cat": "gpu_memcpy", "name": "Memcpy HtoD (Pageable -> Device)", "ts": 112, "dur": 1},
                {"ph": "X", "cat": "gpu_memset", "name": "Memset (Device)", "ts": 112, "dur": 1},
                {"ph": "X", "cat": "kernel", "name": "void pytorch_flash::flash_fwd_kernel<Traits<80, 64>>(x)",
                 "ts": 155, "dur": 500},
                {"ph": "X", "cat": "kernel", "name": "nvjet_tst_128x64", "ts": 155, "dur": 250},
                {"ph": "f", "cat": "ac2g", "name": "ac2g", "ts": 155}]}
                """);

        Ended ended = run("gpu_trace.py", "" + trace);

        assertThat(ended.code).as(ended.output).isZero();
        JsonObject counts = JsonParser.parseString(ended.output).getAsJsonObject();
        assertThat(counts.get("kernels").getAsInt()).isEqualTo(2);
        assertThat(counts.get("kernel_ms").getAsDouble()).isEqualTo(0.75);
        assertThat(counts.get("launches").getAsInt()).isEqualTo(2);
        assertThat(counts.get("operations").getAsInt()).isEqualTo(1);
        assertThat(counts.get("waits").toString()).isEqualTo("{\"cudaStreamSynchronize\":1}");
        assertThat(counts.get("copies").toString()).isEqualTo("{\"Memcpy HtoD\":1,\"Memset\":1}");
        assertThat(counts.getAsJsonObject("attention_kernels").keySet())
                .containsExactly("void pytorch_flash::flash_fwd_kernel<Traits<80, 64>>(x)");
    }

    private record Ended(int code, String output) {}

    private static Ended run(String... arguments) throws Exception {
        String python = System.getProperty("test.python");
        assumeTrue(python != null, "name a Python that has PyTorch with -Dtest.python=...");
        List<String> command = new ArrayList<>(List.of(python));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command)
                .directory(kit.toFile())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Ended(process.waitFor(), output);
    }

    private static String sha256(String text) throws Exception {
        return HexFormat.of()
                .formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static List<Path> plans() throws IOException {
        try (Stream<Path> files = Files.list(kit.resolve("plans"))) {
            return files.sorted().toList();
        }
    }

    private static JsonObject json(Path file) throws IOException {
        return JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    }

    private static List<String> names(JsonArray arguments) {
        List<String> names = new ArrayList<>();
        for (JsonElement argument : arguments) {
            String text = argument.getAsString();
            if (text.startsWith("[")) {
                names.addAll(List.of(text.substring(1, text.length() - 1).split(", ")));
            } else if (!text.matches("[-\\d].*|True|False")) {
                names.add(text);
            }
        }
        return names;
    }
}
