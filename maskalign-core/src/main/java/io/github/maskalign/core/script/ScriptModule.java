package io.github.maskalign.core.script;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.engine.internal.NativeExit;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A TorchScript module read from an archive, weights included, such as a DINOv2 exported by Python or a block
 * exported by {@link ScriptExporter}.
 *
 * <p>The module is in evaluation mode (no dropout). Whether a graph is recorded is decided by the thread's
 * gradient mode and by the inputs, as for any NDArray operation. The graph optimiser is off, so that equal inputs
 * give equal bits on every call. An instance belongs to the thread that opened it.
 */
public final class ScriptModule implements AutoCloseable {
    /** Larger files are not held in memory while they are opened. */
    private static final long MOST_IN_MEMORY = 512L << 20;

    static {
        NativeExit.install();
    }

    private final String name;
    private final Thread thread;
    private final PtNDManager manager;
    private final PtSymbolBlock module;
    private boolean closed;

    private ScriptModule(String name, PtNDManager manager, PtSymbolBlock module) {
        this.name = name;
        this.manager = manager;
        this.module = module;
        thread = Thread.currentThread();
        JniUtils.enableInferenceMode(module);
    }

    /**
     * Opens an archive file. A file of more than 512 MiB is copied to a temporary file of this user first, so that what is
     * compared is what runs.
     *
     * @param device where the module computes; its inputs must be there too
     * @param trust why the file may run: it is a program
     * @throws NoSuchFileException if there is no such file
     * @throws ScriptFormatException if the file has another hash or is not a TorchScript archive
     * @throws IOException if it cannot be read or copied
     */
    public static ScriptModule open(Device device, Path file, ScriptTrust trust) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new NoSuchFileException(file.toString(), null, "there is no such TorchScript file");
        }
        return Files.size(file) <= MOST_IN_MEMORY
                ? open(device, file.toString(), Files.readAllBytes(file), trust)
                : openCopy(
                        device, file, trust, Files.createTempFile("maskalign-", ".pt")); // which is this user's alone
    }

    /** Copies a file, opens the copy and deletes it. */
    static ScriptModule openCopy(Device device, Path file, ScriptTrust trust, Path own) throws IOException {
        String name = file.toString();
        try {
            trust.check(name, copy(file, own));
            return load(
                    name,
                    device,
                    m -> JniUtils.loadModule(m, own.toAbsolutePath(), true, new String[0], new String[0], false));
        } finally {
            Files.deleteIfExists(own);
        }
    }

    /**
     * Opens an archive that is in memory.
     *
     * @param device where the module computes; its inputs must be there too
     * @param name what messages call the archive
     * @param archive the bytes of the file
     * @param trust why they may run: they are a program
     * @throws ScriptFormatException if the bytes have another hash or are not a TorchScript archive
     */
    public static ScriptModule open(Device device, String name, byte[] archive, ScriptTrust trust) throws IOException {
        trust.check(name, HexFormat.of().formatHex(ScriptTrust.newSha256().digest(archive)));
        return load(name, device, m -> JniUtils.loadModule(m, new ByteArrayInputStream(archive), true, false));
    }

    /** Copies a file and returns the SHA-256 of what was copied. */
    private static String copy(Path file, Path to) throws IOException {
        MessageDigest digest = ScriptTrust.newSha256();
        try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest);
                OutputStream out = Files.newOutputStream(to)) {
            in.transferTo(out);
        } catch (FileSystemException e) {
            throw e; // which names the file
        } catch (IOException e) {
            throw new FileSystemException(file.toString(), to.toString(), "cannot be copied: " + e.getMessage());
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /**
     * Runs the module's {@code forward}.
     *
     * @param owner the manager the results belong to
     * @param inputs one array for each parameter of {@code forward}
     * @return the tensors that are returned, those of a tuple in order
     * @throws IllegalStateException if the module is closed or another thread opened it
     * @throws IllegalArgumentException if the module refuses the inputs; names their shapes
     */
    public NDList call(NDManager owner, NDArray... inputs) {
        check();
        List<String> names = new ArrayList<>();
        for (NDArray input : inputs) {
            names.add(input.getName());
            input.setName(null); // the engine reads names as instructions
        }
        try {
            NDList results = IValueUtils.forward(module, new NDList(inputs), true);
            results.attach(owner);
            return results;
        } catch (EngineException e) {
            List<String> shapes = new ArrayList<>();
            for (NDArray input : inputs) {
                shapes.add(input.getShape() + " " + input.getDataType());
            }
            throw new IllegalArgumentException(
                    "TorchScript module " + name + " cannot compute with inputs " + shapes + ": " + reason(e), e);
        } finally {
            for (int i = inputs.length - 1; i >= 0; i--) {
                inputs[i].setName(names.get(i));
            }
        }
    }

    /**
     * Returns the module's parameters by their names in a state dict, copied to a manager; buffers are not among them.
     *
     * @throws IllegalStateException if the module is closed or another thread opened it
     */
    public Map<String, NDArray> weights(NDManager owner) {
        check();
        Map<String, NDArray> weights = new LinkedHashMap<>();
        try (GradMode values = GradMode.off();
                NDManager scratch = manager.newSubManager()) {
            for (NDArray parameter : JniUtils.moduleGetParams(module, (PtNDManager) scratch)) {
                NDArray copy = parameter.duplicate();
                copy.attach(owner);
                weights.put(parameter.getName(), copy);
            }
        }
        return weights;
    }

    /** Frees the module; arrays it returned stay. */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            module.close();
            manager.close();
        }
    }

    private void check() {
        if (closed) {
            throw new IllegalStateException("TorchScript module " + name + " is closed");
        }
        if (Thread.currentThread() != thread) {
            throw new IllegalStateException("TorchScript module " + name + " belongs to thread " + thread.getName()
                    + " but was called by " + Thread.currentThread().getName() + "; open one for each thread");
        }
    }

    @FunctionalInterface
    private interface Loader {
        PtSymbolBlock load(PtNDManager manager) throws IOException;
    }

    private static ScriptModule load(String name, Device device, Loader loader) throws IOException {
        PtNDManager manager = (PtNDManager) Engine.getEngine("PyTorch").newBaseManager(device);
        JniUtils.setGraphExecutorOptimize(false);
        try {
            return new ScriptModule(name, manager, loader.load(manager));
        } catch (EngineException | IOException e) {
            manager.close();
            throw new ScriptFormatException(name, firstLine(e), e);
        }
    }

    /** The interpreter shows where it was in many lines, and then says what was wrong. */
    private static String reason(Exception e) {
        return String.valueOf(e.getMessage())
                .lines()
                .filter(line -> line.startsWith("RuntimeError: "))
                .reduce((first, last) -> last)
                .map(line -> line.substring("RuntimeError: ".length()))
                .orElseGet(() -> firstLine(e));
    }

    private static String firstLine(Exception e) {
        return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    }

    /**
     * A file is no TorchScript archive that the engine can open, or not the one whose hash was given; the message names it
     * and what was found.
     */
    public static final class ScriptFormatException extends IOException {
        ScriptFormatException(String name, String reason, Throwable cause) {
            super(name + " is not a TorchScript archive that can be opened: " + reason, cause);
        }

        ScriptFormatException(String name, String pinned, String found) {
            super(name + ": must have the SHA-256 " + pinned + " but has " + found
                    + "; it is damaged or another version and was not opened");
        }
    }
}
