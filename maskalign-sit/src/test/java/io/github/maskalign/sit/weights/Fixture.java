package io.github.maskalign.sit.weights;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.training.ParameterStore;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.golden.GoldenCase;
import io.github.maskalign.sit.SiT;
import io.github.maskalign.sit.SiTInput;
import io.github.maskalign.sit.SiTOutput;
import io.github.maskalign.sit.weights.SiTWeights.ImportOptions;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.stream.Stream;

/** A checkpoint written by {@code scripts/golden/checkpoint_cases.py}, open, and what its model computes. */
final class Fixture implements AutoCloseable {
    /** Heads of all fixtures, whose sizes were never published. */
    static final ImportOptions HEADS = ImportOptions.AUTO.withNumHeads(2).withAlignDepth(1);

    final WeightsFile file;
    final GoldenCase golden;

    private Fixture(WeightsFile file, GoldenCase golden) {
        this.file = file;
        this.golden = golden;
    }

    static Fixture open(String name, NDManager manager) throws IOException {
        GoldenCase golden = GoldenCase.load(Fixture.class, "checkpoint", name, manager);
        return new Fixture(WeightsFile.open(path(name)), golden);
    }

    static Path path(String name) {
        try {
            return Path.of(Objects.requireNonNull(Fixture.class.getResource("/golden/checkpoint/" + name + ".pt"))
                    .toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    static Stream<String> names() {
        return GoldenCase.names(Fixture.class, "checkpoint").filter(name -> !name.endsWith(".pt"));
    }

    /** The averaged weights as stored. */
    StateDict tensors() throws IOException {
        return file.sections().contains("ema") ? file.stateDict("ema") : file.stateDict();
    }

    SiTWeights read(ImportOptions options) throws IOException {
        return SiTWeights.read(file.path().getFileName().toString(), tensors(), file.metadata(), options);
    }

    SiTWeights read() throws IOException {
        return read(HEADS);
    }

    /** The model's outputs for the fixture's inputs, fed as they are: on the project's own axis. */
    SiTOutput outputs(SiT model, NDManager manager) {
        return run(model, manager, golden.get("inputs/t"));
    }

    SiTOutput run(SiT model, NDManager manager, NDArray t) {
        NDArray labels = golden.get("inputs/y").toType(DataType.INT64, true);
        SiTInput in = new SiTInput(
                golden.get("inputs/x"),
                t,
                labels,
                golden.has("inputs/cls") ? golden.get("inputs/cls") : null,
                null,
                null);
        return model.forward(new ParameterStore(manager, false), in, false);
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
