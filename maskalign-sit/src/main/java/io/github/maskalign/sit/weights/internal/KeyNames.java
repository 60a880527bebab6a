package io.github.maskalign.sit.weights.internal;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.files.CheckpointFormatException;
import io.github.maskalign.core.files.StateDict;
import io.github.maskalign.core.files.TensorSource;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Turns the names of the projects into REPA's and REG's, which are ours. */
public final class KeyNames {
    private static final Pattern PREFIX = Pattern.compile("(?:module\\.|_orig_mod\\.)+");
    private static final Pattern NUMBERED = Pattern.compile("\\.(\\d{1,6})\\.");
    private static final Pattern PROJECTOR = Pattern.compile("projectors\\.\\d+\\.");
    private static final String IREPA = "projection_layer.";

    /** A buffer of each block of sail-sg/MDT: the rows of its table of biases, by pairs of tokens. */
    public static final String PAIRS = ".attn.rel_pos_bias.relative_position_index";

    private KeyNames() {}

    /** Adds to each block with biases the buffer that MDT's own loader wants, of a grid of side G. */
    public static StateDict withPairs(StateDict tensors, int grid) {
        int tokens = Math.multiplyExact(grid, grid);
        long[] rows = new long[Math.multiplyExact(tokens, tokens)];
        for (int i = 0; i < tokens; i++) {
            for (int j = 0; j < tokens; j++) {
                int down = i / grid - j / grid + grid - 1;
                rows[i * tokens + j] = (long) down * (2 * grid - 1) + i % grid - j % grid + grid - 1;
            }
        }
        TensorSource pairs = TensorSource.of(new Shape(tokens, tokens), rows);
        Map<String, TensorSource> out = new LinkedHashMap<>();
        tensors.tensors().forEach((key, tensor) -> {
            out.put(key, tensor);
            if (key.endsWith("." + Keys.BIASES)) {
                out.put(key.substring(0, key.length() - Keys.BIASES.length() - 1) + PAIRS, pairs);
            }
        });
        return StateDict.ofTensors(out);
    }

    /** Removes what data-parallel and compiled models put in front of each key. */
    public static StateDict withoutPrefixes(String origin, StateDict tensors) throws CheckpointFormatException {
        return renamed(origin, tensors, key -> {
            Matcher prefix = PREFIX.matcher(key);
            return prefix.lookingAt() ? key.substring(prefix.end()) : key;
        });
    }

    /** Renames the blocks of REPA's first files: {@code decoder_blocks.i} is {@code blocks.(i + encoderDepth)}. */
    public static StateDict withoutDecoder(String origin, StateDict tensors, int encoderDepth)
            throws CheckpointFormatException {
        return renamed(origin, tensors, key -> {
            Matcher number = NUMBERED.matcher(key);
            return key.startsWith(Keys.LEGACY_BLOCKS)
                            && number.find()
                            && number.start() == Keys.LEGACY_BLOCKS.length() - 1
                    ? Keys.BLOCKS + (Integer.parseInt(number.group(1)) + encoderDepth) + "."
                            + key.substring(number.end())
                    : key;
        });
    }

    /** Renames ReDi's only projector. */
    public static StateDict withNumberedProjector(String origin, StateDict tensors) throws CheckpointFormatException {
        return renamed(
                origin,
                tensors,
                key -> key.startsWith("projector.") ? "projectors.0." + key.substring("projector.".length()) : key);
    }

    /** Renames iREPA's projectors: {@code projectors.k.projection_layer.rest} is {@code projectors.k.rest}. */
    public static StateDict withPlainProjectors(String origin, StateDict tensors) throws CheckpointFormatException {
        return renamed(origin, tensors, key -> {
            Matcher projector = PROJECTOR.matcher(key);
            return projector.lookingAt() && key.startsWith(IREPA, projector.end())
                    ? projector.group() + key.substring(projector.end() + IREPA.length())
                    : key;
        });
    }

    /** Gives projectors iREPA's names. */
    public static StateDict withProjectionLayers(String origin, StateDict tensors) throws CheckpointFormatException {
        return renamed(origin, tensors, key -> {
            Matcher projector = PROJECTOR.matcher(key);
            return projector.lookingAt() ? projector.group() + IREPA + key.substring(projector.end()) : key;
        });
    }

    /** Returns the largest number i of the keys {@code prefix + i + .rest}; empty if there is none. */
    public static OptionalInt largestNumber(StateDict tensors, String prefix) {
        return tensors.keys().stream()
                .filter(key -> key.startsWith(prefix))
                .map(key -> NUMBERED.matcher(key).region(prefix.length() - 1, key.length()))
                .filter(Matcher::lookingAt)
                .mapToInt(number -> Integer.parseInt(number.group(1)))
                .max();
    }

    private static StateDict renamed(String origin, StateDict tensors, UnaryOperator<String> name)
            throws CheckpointFormatException {
        Map<String, TensorSource> out = new LinkedHashMap<>();
        List<String> problems = new ArrayList<>();
        tensors.tensors().forEach((key, tensor) -> {
            String renamed = name.apply(key);
            if (out.put(renamed, tensor) != null) {
                problems.add(CheckpointFormatException.quote(renamed) + " stands for two of its keys, one of them "
                        + CheckpointFormatException.quote(key));
            }
        });
        if (!problems.isEmpty()) {
            throw new CheckpointFormatException(origin, problems);
        }
        return StateDict.ofTensors(out);
    }
}
