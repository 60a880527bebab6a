package io.github.maskalign.encoders.djl;

import ai.djl.Application;
import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDList;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ModelNotFoundException;
import ai.djl.repository.zoo.ZooModel;
import io.github.maskalign.core.align.RepresentationEncoder;
import io.github.maskalign.core.script.ScriptTrust;
import io.github.maskalign.encoders.Encoders;
import io.github.maskalign.encoders.Preprocessing;
import io.github.maskalign.encoders.djl.internal.LocalLoader;
import io.github.maskalign.encoders.djl.internal.PictureTypes;
import io.github.maskalign.encoders.djl.internal.ZooArguments;
import io.github.maskalign.encoders.published.NativeEncoder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Loads encoders: the embedded ones, or one whose file an argument names. */
final class EncoderLoader extends LocalLoader {
    private static final int PUBLISHED_SIDE = 256;

    private final Kind kind;

    /** Where an encoder comes from. */
    enum Kind {
        TEACHER("emoji-vit"),
        JUDGE("emoji-judge"),
        FILE("encoder");

        private final String artifact;

        Kind(String artifact) {
            this.artifact = artifact;
        }
    }

    EncoderLoader(Kind kind) {
        super(EncoderZoo.GROUP, kind.artifact, Application.CV.ANY);
        this.kind = kind;
    }

    @Override
    public <I, O> ZooModel<I, O> loadModel(Criteria<I, O> criteria) throws IOException, ModelNotFoundException {
        Class<I> in = criteria.getInputClass();
        Class<O> out = criteria.getOutputClass();
        if (!PictureTypes.isPicture(in) || (out != NDList.class && out != float[].class)) {
            throw PictureTypes.unsupported(
                    getArtifactId(), in, out, List.of("from Picture or Image to NDList or float[]"));
        }
        ZooArguments arguments = new ZooArguments(criteria);
        Path file = kind == Kind.FILE ? arguments.path(getArtifactId()) : Path.of(kind.artifact + ".pt");
        Model model = Model.newInstance(getArtifactId(), criteria.getDevice());
        try {
            Device device = model.getNDManager().getDevice();
            Opened opened = switch (kind) {
                case TEACHER -> teacher(arguments, device);
                case JUDGE -> judge(device);
                case FILE -> open(file, arguments, device);
            };
            model.getNDManager().attachInternal("maskalign-encoder", opened.encoder); // which is closed with it
            int side = arguments.integer("side", opened.side);
            opened.encoder.tokens(side); // refuses sides that it cannot take
            model.setBlock(new EncoderBlock(opened.encoder));
            return new ZooModel<>(
                    model, ZooArguments.translator(criteria, model, new EncoderTranslator<>(side, in, out)));
        } catch (IOException | ModelNotFoundException | RuntimeException e) {
            model.close();
            throw e;
        }
    }

    private record Opened(RepresentationEncoder encoder, int side) {}

    private static Opened teacher(ZooArguments arguments, Device device) throws IOException {
        return new Opened(
                Encoders.embeddedTeacher(arguments.integer("tokens", 64), device), Preprocessing.EMOJI_VIT.usualSide());
    }

    private static Opened judge(Device device) throws IOException {
        int side = Preprocessing.EMOJI_JUDGE.usualSide();
        return new Opened(Encoders.embeddedJudge(side, device), side);
    }

    private static Opened open(Path file, ZooArguments arguments, Device device)
            throws IOException, ModelNotFoundException {
        Optional<String> published = arguments.text("model");
        if (published.isPresent()) {
            return new Opened(
                    NativeEncoder.open(file, NativeEncoder.Options.of(published.get()), device), PUBLISHED_SIDE);
        }
        String name = arguments
                .text("preprocessing")
                .orElseThrow(() -> new ModelNotFoundException("encoder needs the argument model, such as dinov2-vit-b,"
                        + " for a published file, or preprocessing for a TorchScript file"));
        String sha256 = arguments
                .text("sha256")
                .orElseThrow(() -> new ModelNotFoundException("a TorchScript file is a program: the argument sha256"
                        + " must be the hash of the one that may run"));
        Preprocessing preprocessing = Preprocessing.named(name);
        return new Opened(
                Encoders.open(file, preprocessing, ScriptTrust.pinned(sha256), device), preprocessing.usualSide());
    }
}
