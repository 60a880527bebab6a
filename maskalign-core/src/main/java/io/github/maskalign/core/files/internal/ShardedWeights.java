package io.github.maskalign.core.files.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.files.internal.TorchFile.Sections;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/** A set of safetensors files as weights. */
public record ShardedWeights(ShardedSafetensors file) implements WeightsFile {
    public static ShardedWeights open(Path path) throws IOException {
        return new ShardedWeights(ShardedSafetensors.open(path));
    }

    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public String format() {
        return "sharded safetensors";
    }

    @Override
    public Set<String> sections() {
        return Sections.BARE;
    }

    @Override
    public StateDict stateDict(String section) throws CheckpointFormatException {
        Sections.require(path(), sections(), section);
        return file.stateDict();
    }

    @Override
    public Map<String, String> metadata() {
        return file.metadata();
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
