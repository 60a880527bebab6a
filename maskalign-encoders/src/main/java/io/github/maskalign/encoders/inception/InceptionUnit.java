package io.github.maskalign.encoders.inception;

import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;
import io.github.maskalign.core.nn.ScriptedBlock;
import io.github.maskalign.core.script.ScriptFunction;

/** One unit, (N, C, H, W) to (N, C', H', W'): convolutions with folded batch norm, frozen. */
final class InceptionUnit extends ScriptedBlock {
    private final InceptionLayout.Unit unit;

    InceptionUnit(InceptionLayout.Unit unit) {
        super(function(unit));
        this.unit = unit;
        for (InceptionLayout.Conv conv : unit.convs()) {
            frozen(conv.name() + ".conv.weight", conv.weight(), Initializer.ZEROS);
            frozen(conv.name() + ".conv.bias", new Shape(conv.out()), Initializer.ZEROS);
        }
    }

    private static ScriptFunction function(InceptionLayout.Unit unit) {
        ScriptFunction plain = ScriptFunction.of(InceptionUnit.class, "inception.py", unit.function());
        return unit.function().equals("mixed_7")
                ? plain.bind("pool_by_maximum", unit.name().equals("Mixed_7c"))
                : plain;
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape x = inputShapes[0];
        return new Shape[] {new Shape(x.get(0), unit.channels(), side(x.get(2)), side(x.get(3)))};
    }

    private long side(long side) {
        if (unit.name().isEmpty()) { // 3 by 2, 3, 3 padded, maximum by 2, 1, 3, maximum by 2
            return half(half(half(side) - 2) - 2);
        }
        return unit.shrinks() ? half(side) : side;
    }

    private static long half(long side) {
        return (side - 3) / 2 + 1;
    }
}
