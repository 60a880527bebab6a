package io.github.maskalign.core.train;

import java.util.List;

/** One tensor's AdamW and moving average, element by element in double precision: the slow truth. */
final class AdamWTwin {
    private final double[] p;
    private final double[] m;
    private final double[] v;
    private final double[] e;

    AdamWTwin(float[] start) {
        p = new double[start.length];
        m = new double[start.length];
        v = new double[start.length];
        e = new double[start.length];
        for (int i = 0; i < start.length; i++) {
            p[i] = start[i];
            e[i] = start[i];
        }
    }

    static double norm(List<float[]> gradients) {
        double sum = 0;
        for (float[] gradient : gradients) {
            for (float g : gradient) {
                sum += (double) g * g;
            }
        }
        return Math.sqrt(sum);
    }

    void update(float[] gradient, double norm, OptimConfig config, long step, boolean decays) {
        double lr = config.lrAt(step);
        double clip = config.clipNorm() > 0 ? Math.min(1, config.clipNorm() / (norm + 1e-6)) : 1;
        double correction1 = 1 - Math.pow(config.adam().beta1(), step + 1);
        double correction2 = 1 - Math.pow(config.adam().beta2(), step + 1);
        for (int i = 0; i < p.length; i++) {
            double g = gradient[i] * clip;
            p[i] -= decays ? lr * config.adam().weightDecay() * p[i] : 0;
            m[i] = config.adam().beta1() * m[i] + (1 - config.adam().beta1()) * g;
            v[i] = config.adam().beta2() * v[i] + (1 - config.adam().beta2()) * g * g;
            p[i] -= lr
                    * (m[i] / correction1)
                    / (Math.sqrt(v[i] / correction2) + config.adam().eps());
        }
    }

    void average(double decay) {
        for (int i = 0; i < p.length; i++) {
            e[i] = decay * e[i] + (1 - decay) * p[i];
        }
    }

    double[] weights() {
        return p;
    }

    double[] ema() {
        return e;
    }
}
