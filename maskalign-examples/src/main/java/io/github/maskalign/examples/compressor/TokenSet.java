package io.github.maskalign.examples.compressor;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonParser;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.data.PreparedSamples;
import io.github.maskalign.core.data.internal.RepaFolders;
import io.github.maskalign.core.data.internal.SampleLayout;
import io.github.maskalign.core.data.internal.ShardSet;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.examples.emoji.EmojiConfig;
import io.github.maskalign.examples.emoji.EmojiSet;
import io.github.maskalign.examples.training.ObjectiveRun;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/** An encoder's patch tokens of pictures, by index: of a prepared set, or of emoji by the embedded teacher. */
interface TokenSet extends AutoCloseable {
    /** Returns the number of pictures. */
    int size();

    /** Returns the width Z of the tokens. */
    int width();

    /** Returns the number G of tokens along a side. */
    int grid();

    /** Returns what they are tokens of, by name: the same on every machine. */
    Map<String, String> facts();

    /** Returns the tokens (N, G², Z) of pictures, float32. */
    NDArray tokens(NDManager owner, int[] pictures);

    @Override
    void close() throws IOException;

    /**
     * Opens the tokens of a config.
     *
     * @param cache where drawn emoji are kept
     * @throws IllegalArgumentException if a prepared set holds no tokens, or features in their place
     */
    static TokenSet open(CompressorConfig config, Path cache, Device device) throws IOException {
        if (config.path().isPresent()) {
            return prepared(config.path().get());
        }
        CompressorConfig.Emoji wanted = config.emoji();
        EmojiSet set = EmojiSet.open(
                new EmojiConfig(wanted.sets(), wanted.size(), false, false), cache, ObjectiveRun::drawing);
        RepresentationEncoder teacher = Encoders.embeddedTeacher(wanted.grid() * wanted.grid(), wanted.size(), device);
        try {
            return new Drawn(set, teacher.joined(wanted.lastBlocks()), wanted);
        } catch (IllegalArgumentException e) {
            teacher.close();
            throw new IllegalArgumentException("lastBlocks: " + e.getMessage(), e);
        }
    }

    private static TokenSet prepared(Path folder) throws IOException {
        PreparedSamples set = PreparedSamples.open(new RepaFolders(folder, RepaFolders.IMAGES, RepaFolders.LATENTS));
        SampleLayout layout = set.layout();
        int grid = (int) Math.round(Math.sqrt(Math.max(0, layout.tokens() - 1)));
        String problem = null;
        if (layout.tokens() == 0) {
            problem = " holds no encoder tokens; prepare it with --encoder, for REGLUE with --encoder-blocks 4";
        } else if (set.featureBasis().isPresent()) {
            problem = " holds features in place of tokens; prepare it without --feature-channels";
        } else if (grid * grid != layout.tokens() - 1) {
            problem = " holds " + (layout.tokens() - 1) + " patch tokens of a picture, which are no square grid";
        }
        if (problem != null) {
            set.close();
            throw new IllegalArgumentException("path " + folder + problem);
        }
        return new Prepared(set, grid);
    }

    /**
     * Tokens of a prepared set.
     *
     * @param set the set, which is closed with this
     * @param grid tokens along a side
     */
    record Prepared(PreparedSamples set, int grid) implements TokenSet {
        @Override
        public int size() {
            return set.size();
        }

        @Override
        public int width() {
            return set.layout().tokenWidth();
        }

        @Override
        public Map<String, String> facts() {
            Map<String, String> facts = new TreeMap<>();
            if (set instanceof ShardSet shards) {
                shards.index().settings().forEach((key, value) -> {
                    if (key.startsWith("encoder")) {
                        facts.put(key, value);
                    }
                });
            }
            facts.put("set", set.identity());
            return facts;
        }

        @Override
        public NDArray tokens(NDManager owner, int[] pictures) {
            SampleLayout layout = set.layout();
            int count = layout.tokens() - 1;
            int[] patches = new int[count];
            for (int i = 0; i < count; i++) {
                patches[i] = 1 + i;
            }
            int values = count * layout.tokenWidth();
            float[] all = new float[Math.multiplyExact(pictures.length, values)];
            try {
                for (int i = 0; i < pictures.length; i++) {
                    set.readTokens(pictures[i], patches, all, i * values);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            return OwnedArrays.of(owner, new Shape(pictures.length, count, layout.tokenWidth()), all);
        }

        @Override
        public void close() throws IOException {
            set.close();
        }
    }

    /**
     * Tokens of drawings.
     *
     * @param set the drawings
     * @param teacher whose tokens, which is closed with this
     * @param wanted which of them
     */
    record Drawn(EmojiSet set, RepresentationEncoder teacher, CompressorConfig.Emoji wanted) implements TokenSet {
        @Override
        public int size() {
            return set.size();
        }

        @Override
        public int width() {
            return teacher.width();
        }

        @Override
        public int grid() {
            return wanted.grid();
        }

        @Override
        public Map<String, String> facts() {
            Map<String, String> facts = new TreeMap<>();
            facts.put("drawings", String.join(" ", wanted.sets()) + " at " + wanted.size());
            facts.put("encoder", "embedded teacher");
            try {
                facts.put(
                        "encoder_sha256",
                        JsonParser.parseString(Encoders.embeddedProvenance())
                                .getAsJsonObject()
                                .get("sha256")
                                .getAsString());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            facts.put("encoder_blocks", Integer.toString(wanted.lastBlocks()));
            facts.put("encoder_grid", Integer.toString(wanted.grid()));
            return facts;
        }

        @Override
        public NDArray tokens(NDManager owner, int[] pictures) {
            int bytes = set.pictureBytes();
            byte[] pixels = new byte[Math.multiplyExact(pictures.length, bytes)];
            for (int i = 0; i < pictures.length; i++) {
                set.copyInto(pictures[i], pixels, i * bytes);
            }
            try (GradMode values = GradMode.off();
                    NDManager scratch = owner.newSubManager()) {
                Shape shape = new Shape(pictures.length, 3, wanted.size(), wanted.size());
                NDArray tokens =
                        teacher.encode(OwnedArrays.of(scratch, shape, pixels)).patchTokens();
                tokens.attach(owner);
                return tokens;
            }
        }

        @Override
        public void close() {
            teacher.close();
        }
    }
}
