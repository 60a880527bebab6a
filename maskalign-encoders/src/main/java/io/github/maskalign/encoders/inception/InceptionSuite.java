package io.github.maskalign.encoders.inception;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.script.ScriptFunction;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * How pictures come to 299 × 299 pixels. Numbers of one suite must not be compared with numbers of another: differences of
 * 0.01 to 0.1 in FID are usual.
 */
public enum InceptionSuite {
    /**
     * ADM's evaluator (openai/guided-diffusion): the resize of TensorFlow 1, source coordinate dst · in / out without
     * half-pixel centres, then (x − 128) / 128. The numbers of SiT, DiT, REPA, REG and MaskAlign.
     */
    ADM("adm", "adm_input"),
    /** mseitzer/pytorch-fid: [0, 1], bilinear with half-pixel centres, 2x − 1. */
    PYTORCH_FID("pytorch-fid", "pytorch_fid_input");

    private final String id;
    private final ScriptFunction function;

    InceptionSuite(String id, String function) {
        this.id = id;
        this.function = ScriptFunction.of(InceptionSuite.class, "inception.py", function)
                .bind("side", InceptionLayout.SIDE);
    }

    /** Returns the name in options and files, such as {@code pytorch-fid}. */
    public String id() {
        return id;
    }

    /**
     * Returns the suite of an id.
     *
     * @throws IllegalArgumentException with all ids if there is none
     */
    public static InceptionSuite named(String id) {
        return Arrays.stream(values())
                .filter(s -> s.id.equals(id))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("a suite must be one of "
                        + Arrays.stream(values()).map(InceptionSuite::id).collect(Collectors.joining(", "))
                        + " but was "
                        + id));
    }

    /**
     * Prepares pictures.
     *
     * @param images (N, 3, H, W), uint8
     * @return (N, 3, 299, 299), float32, on the manager of {@code images}
     * @throws IllegalArgumentException if the pictures have another shape or type
     */
    public NDArray prepare(NDArray images) {
        requirePictures(images);
        return function.callForOne(images);
    }

    static void requirePictures(NDArray images) {
        Shape shape = images.getShape();
        if (shape.dimension() != 4
                || shape.get(1) != 3
                || shape.size() == 0
                || images.getDataType() != DataType.UINT8) {
            throw new IllegalArgumentException(
                    "pictures must be uint8 (N, 3, H, W) but were " + images.getDataType() + " " + shape);
        }
    }
}
