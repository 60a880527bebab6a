package io.github.maskalign.examples.bench;

import io.github.maskalign.core.align.SubsetConfig;
import io.github.maskalign.core.diffusion.DiffusionConfig;
import io.github.maskalign.core.nn.Precision;
import io.github.maskalign.core.train.OptimConfig;
import io.github.maskalign.sit.SiTVariant;
import java.util.List;

class Probe {
    public static void main(String[] args) {
        int n = Integer.parseInt(args[0]);
        Precision p = args[1].equals("bf16") ? Precision.BFLOAT16 : Precision.FLOAT32;
        var c = SiTVariant.B_2.config().withClassToken(768).withAlignment(4, 2048, List.of(768));
        try (StepBenchmark b = new StepBenchmark(new StepBenchmark.Case(
                c, p, DiffusionConfig.defaults(), SubsetConfig.none(), 0.03, 0.5, OptimConfig.PAPER, n, 0))) {
            for (int i = 0; i < 8; i++) {
                long t = System.nanoTime();
                var r = b.run(1).get(0);
                System.out.println((System.nanoTime() - t) * 1e-9 + " " + r);
            }
        }
    }
}
