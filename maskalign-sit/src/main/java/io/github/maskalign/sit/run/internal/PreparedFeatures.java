package io.github.maskalign.sit.run.internal;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.data.FeatureBasis;
import io.github.maskalign.core.data.Preparer.PreparePlan;
import io.github.maskalign.core.data.internal.Decoder;
import io.github.maskalign.core.data.internal.EpochOrder;
import io.github.maskalign.core.data.internal.PictureSet;
import io.github.maskalign.core.data.internal.PreparedStore.PrepareException;
import io.github.maskalign.core.engine.GradMode;
import io.github.maskalign.core.files.internal.Digests;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.random.Draws;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The basis of a set that is being prepared: made of some of its pictures, or that of another set. It is written into the
 * set's folder before the first shard; the same command again finds it there.
 *
 * @param pictures the pictures of the set
 * @param out folder of the set
 * @param plan how pictures are cropped, and how many are encoded together
 */
public record PreparedFeatures(PictureSet pictures, Path out, PreparePlan plan) {
    /** Pictures from which ReDi's basis is made: 300 batches of 256. */
    public static final int PUBLISHED_PICTURES = 76_800;

    private static final Logger LOG = LoggerFactory.getLogger(PreparedFeatures.class);

    /**
     * The channels in which tokens are kept.
     *
     * @param channels their number
     * @param pictures pictures that the basis is made of, at most
     * @param basis file of a basis, or of a compressor, in its place; null makes one
     * @param beside whether the tokens of the encoder's last block are kept too, behind the channels
     */
    public record Choice(
            int channels, int pictures, @Nullable Path basis, boolean beside) {}

    /**
     * Returns an encoder that gives an encoder's patch tokens in the basis, and adds what they depend on to the settings.
     *
     * @param encoder is closed with the result
     * @param last width of the tokens of its last block
     * @param settings what the tokens depend on, by name
     * @throws PrepareException if the folder has another basis, or the named one is for other tokens
     */
    RepresentationEncoder over(
            RepresentationEncoder encoder, int last, Choice choice, Map<String, String> settings, Device device)
            throws IOException {
        FeatureBasis basis = basis(encoder, choice, settings, device);
        if (basis.width() != encoder.width()) {
            throw new PrepareException(
                    "the basis is for tokens of width " + basis.width() + " but the encoder's have " + encoder.width());
        }
        settings.put(FeatureBasis.SETTING, basis.identity());
        if (choice.beside) {
            settings.put("feature_tokens", "beside");
        }
        return new Reduced(encoder, basis, choice.beside ? last : 0);
    }

    private FeatureBasis basis(
            RepresentationEncoder encoder, Choice choice, Map<String, String> settings, Device device)
            throws IOException {
        Path file = out.resolve(FeatureBasis.FILE);
        Map<String, String> facts = new TreeMap<>(settings);
        facts.keySet().removeIf(name -> !name.startsWith("encoder"));
        facts.put("crop", "adm " + plan.side());
        facts.put("channels", Integer.toString(choice.channels));
        Path given = choice.basis;
        if (given == null) {
            facts.put("pictures", Integer.toString(Math.min(choice.pictures, pictures.size())));
            facts.put("source_pictures", Integer.toString(pictures.size()));
        } else {
            facts.put("basis_sha256", Digests.sha256(given));
        }
        if (Files.exists(file)) {
            FeatureBasis kept = FeatureBasis.read(file);
            if (!kept.facts().entrySet().containsAll(facts.entrySet())) {
                throw new PrepareException(file + " was made with other settings, " + kept.facts() + ", not " + facts
                        + "; choose another folder, or delete it with the shards");
            }
            return kept;
        }
        FeatureBasis made = given == null ? made(encoder, choice, facts, device) : taken(given, choice, facts);
        Files.createDirectories(out);
        made.write(file);
        LOG.info("{}: {} channels, {}", file, made.channels(), made.facts());
        return made;
    }

    private static FeatureBasis taken(Path given, Choice choice, Map<String, String> facts) throws IOException {
        FeatureBasis whole = FeatureBasis.read(given);
        try {
            return whole.first(choice.channels).with(facts);
        } catch (IllegalArgumentException e) {
            throw new PrepareException(given + ": " + e.getMessage(), e);
        }
    }

    private FeatureBasis made(RepresentationEncoder encoder, Choice choice, Map<String, String> facts, Device device)
            throws IOException {
        int count = Math.min(choice.pictures, pictures.size());
        int side = plan.side();
        FeatureBasis.Fit fit = new FeatureBasis.Fit(encoder.width());
        Shuffled some = new Shuffled(pictures, new EpochOrder(new Draws(0), pictures.size()), count);
        LOG.info("the basis of the features is made of {} pictures", count);
        try (Decoder decoder = new Decoder(some, side, plan.threads());
                NDManager manager = NDManager.newBaseManager(device);
                GradMode constants = GradMode.off()) {
            decoder.begin(0, count);
            int told = 0;
            for (int done = 0; decoder.hasNext(); ) {
                List<byte[]> batch = new ArrayList<>();
                while (decoder.hasNext() && batch.size() < plan.batch()) {
                    done++;
                    if (decoder.next() instanceof Decoder.Cropped cropped) {
                        batch.add(cropped.pixels());
                    }
                }
                if (!batch.isEmpty()) {
                    add(fit, encoder, batch, manager);
                }
                if (10L * done / count > told) {
                    told = (int) (10L * done / count);
                    LOG.info("the basis of the features: {} of {} pictures", done, count);
                }
            }
        }
        try {
            return fit.basis(choice.channels, facts);
        } catch (IllegalArgumentException e) {
            throw new PrepareException("there is no basis of the features: " + e.getMessage(), e);
        }
    }

    private void add(FeatureBasis.Fit fit, RepresentationEncoder encoder, List<byte[]> batch, NDManager manager) {
        int side = plan.side();
        int values = 3 * side * side;
        byte[] all = new byte[batch.size() * values];
        for (int i = 0; i < batch.size(); i++) {
            System.arraycopy(batch.get(i), 0, all, i * values, values);
        }
        try (NDManager scratch = manager.newSubManager()) {
            NDArray images = OwnedArrays.of(scratch, new Shape(batch.size(), 3, side, side), all);
            fit.add(encoder.encode(images).patchTokens());
        }
    }

    /** Some pictures of a set, of all classes, in an order that depends on their number alone. */
    private record Shuffled(PictureSet all, EpochOrder order, int size) implements PictureSet {
        @Override
        public List<String> classes() {
            return all.classes();
        }

        @Override
        public LabelledPicture picture(int index) {
            return all.picture(order.indexAt(index));
        }

        @Override
        public byte[] read(int index) throws IOException {
            return all.read(order.indexAt(index));
        }

        @Override
        public void close() {}
    }

    /**
     * An encoder whose patch tokens are in a basis.
     *
     * @param last so many numbers of the tokens come behind the channels, the last ones; 0 for none, and no class token either
     */
    private record Reduced(RepresentationEncoder encoder, FeatureBasis basis, int last)
            implements RepresentationEncoder {
        @Override
        public EncoderTokens encode(NDArray images) {
            EncoderTokens tokens = encoder.encode(images);
            try (NDArray classToken = tokens.classToken();
                    NDArray patches = tokens.patchTokens()) {
                NDArray few = basis.reduce(patches); // (N, T, C)
                NDArray none = few.getManager().zeros(new Shape(few.getShape().get(0), basis.channels()));
                if (last == 0) {
                    return new EncoderTokens(none, few);
                }
                try (NDArray first = none;
                        NDArray reduced = few;
                        NDArray lastClass = classToken.get(new NDIndex(":, -" + last + ":"));
                        NDArray lastPatches = patches.get(new NDIndex(":, :, -" + last + ":"))) {
                    return new EncoderTokens(first.concat(lastClass, 1), reduced.concat(lastPatches, 2));
                }
            }
        }

        @Override
        public int width() {
            return basis.channels() + last;
        }

        @Override
        public int tokens(int imageSize) {
            return encoder.tokens(imageSize);
        }

        @Override
        public boolean hasClassToken() {
            return last > 0 && encoder.hasClassToken();
        }

        @Override
        public void close() {
            encoder.close();
        }
    }
}
