package io.github.maskalign.encoders.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.translate.Translator;
import ai.djl.translate.TranslatorContext;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.core.image.Resampler.CentreCrop;
import io.github.maskalign.encoders.djl.internal.PictureTypes;
import java.util.List;
import java.util.function.Function;

/** A picture of any size to the tokens of an encoder, whose own preprocessing follows in the block. */
final class EncoderTranslator<I, O> implements Translator<I, O> {
    private final int side;
    private final Function<I, Picture> reader;
    private final Class<O> out;

    EncoderTranslator(int side, Class<I> in, Class<O> out) {
        this.side = side;
        reader = PictureTypes.reader(in);
        this.out = out;
    }

    @Override
    public NDList processInput(TranslatorContext context, I input) {
        Picture picture = reader.apply(input);
        boolean fits = picture.width() == side && picture.height() == side;
        Picture square = fits ? picture : CentreCrop.adm(picture, side);
        NDArray one = Picture.toNDArray(context.getNDManager(), List.of(square)); // (1, 3, side, side)
        return new NDList(one.squeeze(0));
    }

    @Override
    public O processOutput(TranslatorContext context, NDList tokens) {
        if (out == float[].class) {
            return out.cast(tokens.get(0).toFloatArray()); // (Z)
        }
        tokens.detach(); // (Z), (T, Z)
        return out.cast(tokens);
    }
}
