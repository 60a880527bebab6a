package io.github.maskalign.sit.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.translate.Translator;
import ai.djl.translate.TranslatorContext;
import io.github.maskalign.core.files.internal.OwnedArrays;
import io.github.maskalign.core.image.Picture;
import io.github.maskalign.encoders.djl.internal.PictureTypes;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/** A class number or name to a picture; counts the pictures that it has asked for. */
final class SamplingTranslator<I, O> implements Translator<I, O> {
    private final AtomicLong next = new AtomicLong();
    private final List<String> names;
    private final Class<I> in;
    private final Class<O> out;

    SamplingTranslator(List<String> names, Class<I> in, Class<O> out) {
        this.names = names;
        this.in = in;
        this.out = out;
    }

    @Override
    public NDList processInput(TranslatorContext context, I input) {
        long label = in == Integer.class ? (Integer) input : indexOf((String) input);
        return new NDList(
                number(context.getNDManager(), label), number(context.getNDManager(), next.getAndIncrement()));
    }

    private long indexOf(String name) {
        int index = names.indexOf(name);
        if (index < 0) {
            throw new IllegalArgumentException("the class must be one of " + names + " but was " + name);
        }
        return index;
    }

    private static NDArray number(NDManager manager, long value) {
        return OwnedArrays.of(manager, new Shape(), new long[] {value});
    }

    @Override
    public O processOutput(TranslatorContext context, NDList list) {
        if (out == NDList.class) {
            list.detach();
            return out.cast(list);
        }
        return PictureTypes.writer(out)
                .apply(Picture.ofNDArray(list.singletonOrThrow()).get(0));
    }
}
