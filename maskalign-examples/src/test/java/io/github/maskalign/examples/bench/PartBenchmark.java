package io.github.maskalign.examples.bench;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.engine.internal.NativeThreads;
import io.github.maskalign.core.engine.internal.ProcessStatus;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.nn.Weights;
import io.github.maskalign.core.script.ScriptModule;
import io.github.maskalign.core.script.ScriptTrust;
import io.github.maskalign.encoders.vae.NativeAutoencoder;
import io.github.maskalign.encoders.vae.VaeConfig;
import io.github.maskalign.encoders.vit.Vit;
import io.github.maskalign.encoders.vit.VitConfig;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTVariant;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleSupplier;
import org.jspecify.annotations.Nullable;

/** A stopwatch for one part: an encoder, a decoder, the reading of a checkpoint. One thread owns it. */
public final class PartBenchmark implements AutoCloseable {
    private static final int PICTURE = 224;

    private final String name;
    private final NDManager manager;
    private final Work work;
    private final List<AutoCloseable> resources;
    private final @Nullable DoubleSupplier network;
    private final List<Double> networkSeconds = new ArrayList<>();
    private final Map<String, DoubleSupplier> more;
    private final Map<String, List<Double>> moreSeconds = new LinkedHashMap<>();

    /** What is timed. */
    @FunctionalInterface
    interface Work {
        void run() throws IOException;
    }

    PartBenchmark(String name, NDManager manager, Work work, List<AutoCloseable> resources) {
        this(name, manager, work, resources, null, Map.of());
    }

    /**
     * Creates a stopwatch.
     *
     * @param network tells how many seconds of the last run a network took; null if that is not asked
     */
    PartBenchmark(String name, NDManager manager, Work work, List<AutoCloseable> resources, DoubleSupplier network) {
        this(name, manager, work, resources, network, Map.of());
    }

    /**
     * Creates a stopwatch.
     *
     * @param more tell other seconds of the last run, printed as {@code NAME_s}
     */
    PartBenchmark(
            String name,
            NDManager manager,
            Work work,
            List<AutoCloseable> resources,
            Map<String, DoubleSupplier> more) {
        this(name, manager, work, resources, null, more);
    }

    private PartBenchmark(
            String name,
            NDManager manager,
            Work work,
            List<AutoCloseable> resources,
            @Nullable DoubleSupplier network,
            Map<String, DoubleSupplier> more) {
        this.name = name;
        this.manager = manager;
        this.work = work;
        this.resources = List.copyOf(resources);
        this.network = network;
        this.more = more;
    }

    /** DINOv2 ViT-B/14 with random weights on pictures of 224 pixels. */
    public static PartBenchmark encoder(int batch, Precision precision) {
        NDManager manager = NDManager.newBaseManager(Device.cpu());
        Vit transformer = new Vit(new VitConfig(518, 14, 768, 12, 12), precision);
        NDArray pictures = manager.randomNormal(new Shape(batch, 3, PICTURE, PICTURE));
        transformer.initialize(manager, DataType.FLOAT32, pictures.getShape());
        ParameterStore store = new ParameterStore(manager, false);
        return new PartBenchmark(
                "native DINOv2-B/14",
                manager,
                () -> {
                    try (GradMode off = GradMode.off();
                            NDManager scratch = manager.newSubManager()) {
                        NDArray x = pictures.duplicate();
                        x.attach(scratch);
                        transformer.forward(store, new NDList(x), false);
                    }
                },
                List.of());
    }

    /** An exported encoder on pictures of 224 pixels. */
    public static PartBenchmark torchScript(Path file, ScriptTrust trust, int batch) throws IOException {
        NDManager manager = NDManager.newBaseManager(Device.cpu());
        ScriptModule module = ScriptModule.open(Device.cpu(), file, trust);
        NDArray pictures = manager.randomNormal(new Shape(batch, 3, PICTURE, PICTURE));
        return new PartBenchmark(
                "TorchScript encoder",
                manager,
                () -> {
                    try (GradMode off = GradMode.off();
                            NDManager scratch = manager.newSubManager()) {
                        module.call(scratch, pictures);
                    }
                },
                List.of(module));
    }

    /** Stable Diffusion's decoder with random weights: 32 × 32 latents to 256 pixels. */
    public static PartBenchmark decoder(int batch, Precision precision) {
        NDManager manager = NDManager.newBaseManager(Device.cpu());
        NativeAutoencoder vae = NativeAutoencoder.untrained(VaeConfig.STABLE_DIFFUSION, Device.cpu(), precision);
        NDArray latents = manager.randomNormal(new Shape(batch, 4, 32, 32));
        return new PartBenchmark(
                "native VAE decoder", manager, () -> vae.decode(latents).close(), List.of(vae));
    }

    /** Opening a checkpoint of SiT-XL/2 and copying all of it into the model. */
    public static PartBenchmark load(Path file) {
        NDManager manager = NDManager.newBaseManager(Device.cpu());
        SiT model = new SiT(SiTVariant.XL_2.config());
        model.initialize(manager);
        return new PartBenchmark(
                "loading SiT-XL/2",
                manager,
                () -> {
                    try (WeightsFile weights = WeightsFile.open(file)) {
                        weights.stateDict().copyTo(Weights.of(model));
                    }
                },
                List.of());
    }

    /** Runs the part some times and returns the seconds of each. */
    public List<Double> run(int times) throws IOException {
        List<Double> seconds = new ArrayList<>();
        networkSeconds.clear();
        moreSeconds.clear();
        for (int i = 0; i < times; i++) {
            long start = System.nanoTime();
            work.run();
            seconds.add((System.nanoTime() - start) * 1e-9);
            if (network != null) {
                networkSeconds.add(network.getAsDouble());
            }
            more.forEach((what, last) ->
                    moreSeconds.computeIfAbsent(what, key -> new ArrayList<>()).add(last.getAsDouble()));
        }
        return seconds;
    }

    /** Answers lines {@code step N} on {@code in} as the other benchmarks do. */
    public void serve(BufferedReader in, PrintWriter out) throws IOException {
        JsonObject ready = about();
        ready.addProperty("ready", true);
        print(out, ready);
        for (String line = in.readLine(); line != null && !line.strip().equals("quit"); line = in.readLine()) {
            if (line.strip().matches("step [1-9][0-9]{0,5}")) {
                print(out, answer(run(Integer.parseInt(line.strip().substring("step ".length())))));
            }
        }
    }

    /** Times the part and returns what was found. */
    public JsonObject measure(int times) throws IOException {
        return answer(run(times));
    }

    private JsonObject answer(List<Double> seconds) {
        JsonObject answer = about();
        JsonArray times = new JsonArray();
        seconds.forEach(times::add);
        answer.add("times_s", times);
        if (network != null) {
            answer.addProperty("outside_network", outside(seconds));
            JsonArray outside = new JsonArray();
            for (int i = 0; i < seconds.size(); i++) {
                outside.add(seconds.get(i) - networkSeconds.get(i));
            }
            answer.add("outside_s", outside);
        }
        moreSeconds.forEach((what, each) -> {
            JsonArray all = new JsonArray();
            each.forEach(all::add);
            answer.add(what + "_s", all);
        });
        ProcessStatus.read()
                .ifPresent(
                        status -> answer.addProperty("peak_rss_mb", status.peakResidentBytes() / (double) (1 << 20)));
        return answer;
    }

    /** The share of the time that was not the network's. */
    private double outside(List<Double> seconds) {
        double all = seconds.stream().mapToDouble(Double::doubleValue).sum();
        double inside = networkSeconds.stream().mapToDouble(Double::doubleValue).sum();
        return 1 - inside / all;
    }

    private JsonObject about() {
        JsonObject out = new JsonObject();
        out.addProperty("name", name);
        out.addProperty("threads", NativeThreads.count());
        return out;
    }

    private static void print(PrintWriter out, JsonObject line) {
        out.println(line);
        out.flush();
    }

    @Override
    public void close() {
        for (AutoCloseable resource : resources) {
            try {
                resource.close();
            } catch (Exception e) {
                throw new IllegalStateException("a part could not be closed", e);
            }
        }
        manager.close();
    }
}
