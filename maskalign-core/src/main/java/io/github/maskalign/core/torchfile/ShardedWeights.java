package io.github.maskalign.core.torchfile;

import io.github.maskalign.core.io.CheckpointFormatException;
import io.github.maskalign.core.io.ShardedSafetensors;
import io.github.maskalign.core.io.StateDict;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/** A set of safetensors files as weights. */
record ShardedWeights(ShardedSafetensors file) implements WeightsFile {
    static ShardedWeights open(Path path) throws IOException {
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
