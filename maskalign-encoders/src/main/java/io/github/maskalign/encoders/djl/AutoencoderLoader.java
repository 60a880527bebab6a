package io.github.maskalign.encoders.djl;

import ai.djl.Application;
import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ModelNotFoundException;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.training.ParameterStore;
import ai.djl.translate.Translator;
import ai.djl.translate.TranslatorContext;
import ai.djl.util.PairList;
import io.github.maskalign.core.data.PixelScaling;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.Resampler.CentreCrop;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.encoders.djl.internal.LocalLoader;
import io.github.maskalign.encoders.djl.internal.PictureTypes;
import io.github.maskalign.encoders.djl.internal.ZooArguments;
import io.github.maskalign.encoders.vae.Autoencoder;
import io.github.maskalign.encoders.vae.Autoencoder.LatentMoments;
import io.github.maskalign.encoders.vae.NativeAutoencoder;
import io.github.maskalign.encoders.vae.PixelAutoencoder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Loads autoencoders, in the direction that the types name. */
final class AutoencoderLoader extends LocalLoader {
    AutoencoderLoader() {
        super(EncoderZoo.GROUP, "autoencoder", Application.CV.ANY);
    }

    @Override
    public <I, O> ZooModel<I, O> loadModel(Criteria<I, O> criteria) throws IOException, ModelNotFoundException {
        Class<I> in = criteria.getInputClass();
        Class<O> out = criteria.getOutputClass();
        boolean encodes = PictureTypes.isPicture(in);
        boolean decodes = PictureTypes.isPicture(out);
        if ((!encodes && in != NDList.class) || (!decodes && out != NDList.class) || !(encodes || decodes)) {
            throw PictureTypes.unsupported(
                    getArtifactId(),
                    in,
                    out,
                    List.of(
                            "from Picture or Image to NDList",
                            "from NDList to Picture or Image",
                            "or between pictures"));
        }
        ZooArguments arguments = new ZooArguments(criteria);
        Path path = arguments.path(getArtifactId());
        Model model = Model.newInstance(getArtifactId(), criteria.getDevice());
        try {
            Autoencoder vae = open(path, model.getNDManager().getDevice());
            model.getNDManager().attachInternal("maskalign-autoencoder", vae);
            model.setBlock(new AutoencoderBlock(vae, encodes, decodes));
            int side = arguments.integer("side", 0);
            return new ZooModel<>(
                    model, ZooArguments.translator(criteria, model, new LatentTranslator<>(side, in, out)));
        } catch (IOException | ModelNotFoundException | RuntimeException e) {
            model.close();
            throw e;
        }
    }

    /** Opens the autoencoder of a path; {@code none} is that of pixel models. */
    static Autoencoder open(Path path, Device device) throws IOException {
        return path.toString().equals("none")
                ? new PixelAutoencoder()
                : NativeAutoencoder.open(path, device, Precision.FLOAT32);
    }

    /** Pictures (N, 3, H, W), uint8, to latents (N, C, h, w) in the model's scale, or back as values, or both. */
    private static final class AutoencoderBlock extends AbstractBlock {
        private static final byte VERSION = 1;

        private final Autoencoder vae;
        private final boolean encodes;
        private final boolean decodes;

        AutoencoderBlock(Autoencoder vae, boolean encodes, boolean decodes) {
            super(VERSION);
            this.vae = vae;
            this.encodes = encodes;
            this.decodes = decodes;
        }

        @Override
        protected NDList forwardInternal(
                ParameterStore store, NDList inputs, boolean training, @Nullable PairList<String, Object> params) {
            NDArray x = inputs.singletonOrThrow();
            if (encodes) {
                LatentMoments moments = vae.encode(x);
                x = vae.scaling().toModel(moments.mean());
                moments.close();
            }
            return new NDList(decodes ? vae.decode(vae.scaling().fromModel(x)) : x);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            Shape in = inputShapes[0];
            int r = vae.reduction();
            if (encodes && decodes) {
                return new Shape[] {in};
            }
            return new Shape[] {
                encodes
                        ? new Shape(in.get(0), vae.latentChannels(), in.get(2) / r, in.get(3) / r)
                        : new Shape(in.get(0), 3, in.get(2) * r, in.get(3) * r)
            };
        }
    }

    /** Between pictures or latents (C, h, w) and the block's arrays. */
    private static final class LatentTranslator<I, O> implements Translator<I, O> {
        private final int side;
        private final Class<I> in;
        private final Class<O> out;

        LatentTranslator(int side, Class<I> in, Class<O> out) {
            this.side = side;
            this.in = in;
            this.out = out;
        }

        @Override
        public NDList processInput(TranslatorContext context, I input) {
            if (in == NDList.class) {
                NDArray latent = ((NDList) input).singletonOrThrow().duplicate(); // the caller's own stays
                latent.attach(context.getNDManager());
                return new NDList(latent);
            }
            Picture picture = PictureTypes.reader(in).apply(input);
            boolean fits = side == 0 || (picture.width() == side && picture.height() == side);
            NDArray one =
                    Picture.toNDArray(context.getNDManager(), List.of(fits ? picture : CentreCrop.adm(picture, side)));
            return new NDList(one.squeeze(0));
        }

        @Override
        public O processOutput(TranslatorContext context, NDList list) {
            if (out == NDList.class) {
                list.detach();
                return out.cast(list);
            }
            NDArray values = list.singletonOrThrow().expandDims(0); // (1, 3, H, W)
            return PictureTypes.writer(out)
                    .apply(PixelScaling.ROUND.pictures(values).get(0));
        }
    }
}
