package io.github.maskalign.sit.run;

import ai.djl.ndarray.types.Shape;
import io.github.maskalign.core.data.ImageTensorData;
import io.github.maskalign.core.train.StepResult;
import io.github.maskalign.core.train.TrainListener;
import io.github.maskalign.core.train.TrainState;
import io.github.maskalign.sit.SiTConfig;
import io.github.maskalign.sit.SiTTraining;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;

/** Somebody's program that trains until its process is told to end. Its steps are long calls into the engine. */
final class EndlessProgram {
    private EndlessProgram() {}

    /**
     * Trains.
     *
     * @param args the run's folder; after how many ms the program ends itself with code 7, or 0 for never; whether it
     *     listens for stop signals
     */
    @SuppressWarnings("SystemOut")
    public static void main(String[] args) throws IOException {
        byte[][] pictures = new byte[64][3 * 32 * 32];
        int[] classes = new int[pictures.length];
        Random random = new Random(0);
        for (int i = 0; i < pictures.length; i++) {
            random.nextBytes(pictures[i]);
            classes[i] = i % 8;
        }
        TrainListener watch = new TrainListener() {
            @Override
            public void onStart(StartKind kind, TrainState state) {
                System.out.println(kind);
                long after = Long.parseLong(args[1]);
                if (after > 0) {
                    new Thread(() -> exit(after), "exit").start();
                }
            }

            @Override
            public void onStep(StepResult result, TrainState state) {
                System.out.println("step " + result.step());
            }
        };
        try (SiTTraining training = SiTTraining.builder()
                .setModel(SiTConfig.of(32, 2, 3, 192, 4, 4, 8))
                .setData((draws, kept) -> new ImageTensorData(pictures, classes, new Shape(3, 32, 32), draws))
                .setSteps(100_000)
                .setBatch(16)
                .optFolder(Path.of(args[0]))
                .optListener(watch)
                .optListener(Progress.listener(Progress.Display.LOG, 100_000, 16, 1))
                .build()) {
            if (Boolean.parseBoolean(args[2])) {
                try (StopSignal stop = StopSignal.listen(training::requestStop)) {
                    training.run();
                }
            } else {
                training.run();
            }
        }
    }

    private static void exit(long after) {
        try {
            Thread.sleep(after);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        System.exit(7);
    }
}
