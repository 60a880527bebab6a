package io.github.maskalign.sit.weights.internal;

import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.WeightsFile;
import io.github.maskalign.core.files.WeightsFile.Unknown;
import io.github.maskalign.sit.weights.SiTWeights;
import io.github.maskalign.sit.weights.SiTWeights.ImportOptions;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** An open file of weights and the state dict in it that is meant. */
public final class OpenWeights implements Closeable {
    private static final String AVERAGED = "ema";

    private final WeightsFile file;
    private final String section;
    private final StateDict tensors;

    private OpenWeights(WeightsFile file, String section, StateDict tensors) {
        this.file = file;
        this.section = section;
        this.tensors = tensors;
    }

    /**
     * Opens a file.
     *
     * @param path the file
     * @param section the state dict that is meant; null for the only one, or for {@code ema} among several
     * @param unknown what becomes of unknown classes in a PyTorch checkpoint
     * @throws CheckpointFormatException if the file is damaged, of no known kind, or has no such section
     */
    public static OpenWeights open(Path path, @Nullable String section, Unknown unknown) throws IOException {
        WeightsFile file = WeightsFile.open(path, unknown);
        try {
            String chosen = section != null ? section : defaultSection(file);
            return new OpenWeights(file, chosen, file.stateDict(chosen));
        } catch (IOException | RuntimeException e) {
            file.close();
            throw e;
        }
    }

    /** Returns the whole file. */
    public WeightsFile file() {
        return file;
    }

    /** Returns the name of the section; empty if the file is one state dict. */
    public String section() {
        return section;
    }

    /** Returns the tensors of the section. */
    public StateDict tensors() {
        return tensors;
    }

    /** Returns the file and the section for a message. */
    public String origin() {
        return section.isEmpty() ? file.path().toString() : file.path() + " (" + section + ")";
    }

    /** Understands the section as weights of the SiT family. */
    public SiTWeights sit(ImportOptions options) throws IOException {
        return SiTWeights.read(origin(), tensors, file.metadata(), options);
    }

    @Override
    public void close() throws IOException {
        file.close();
    }

    private static String defaultSection(WeightsFile file) throws CheckpointFormatException {
        Set<String> sections = file.sections();
        if (sections.size() == 1) {
            return sections.iterator().next();
        }
        if (sections.contains(AVERAGED)) {
            return AVERAGED;
        }
        String names = sections.stream()
                .limit(20)
                .map(CheckpointFormatException::quote)
                .collect(Collectors.joining(", "));
        throw new CheckpointFormatException(
                file.path().toString(),
                List.of(
                        sections.isEmpty()
                                ? "holds no tensors"
                                : "holds several state dicts and none is called ema; say which one with --section: "
                                        + names));
    }
}
