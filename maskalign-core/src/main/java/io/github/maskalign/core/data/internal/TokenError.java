package io.github.maskalign.core.data.internal;

/**
 * What storing tokens as small numbers changes.
 *
 * @param squaredError Σ (x' − x)² over all numbers, x' being what is read back
 * @param squaredValues Σ x² over all numbers
 * @param worstCosine smallest cosine between a token and what is read back; 1 if there are none
 */
public record TokenError(double squaredError, double squaredValues, double worstCosine) {
    /** Nothing has been stored. */
    public static final TokenError NONE = new TokenError(0, 0, 1);

    /** Compares numbers of some tokens with what is read back. */
    static TokenError of(float[] values, float[] stored, int width) {
        TokenError sum = NONE;
        for (int from = 0; from < values.length; from += width) {
            double error = 0;
            double square = 0;
            double other = 0;
            double product = 0;
            for (int i = from; i < from + width; i++) {
                error += Math.pow((double) stored[i] - values[i], 2);
                square += Math.pow(values[i], 2);
                other += Math.pow(stored[i], 2);
                product += (double) values[i] * stored[i];
            }
            double cosine = square == 0 ? 1 : product / Math.sqrt(square * other);
            sum = sum.plus(new TokenError(error, square, cosine));
        }
        return sum;
    }

    /** Returns both together. */
    public TokenError plus(TokenError more) {
        return new TokenError(
                squaredError + more.squaredError,
                squaredValues + more.squaredValues,
                Math.min(worstCosine, more.worstCosine));
    }

    /** Returns √(Σ (x' − x)² / Σ x²); 0 if there is nothing. */
    public double relative() {
        return squaredValues == 0 ? 0 : Math.sqrt(squaredError / squaredValues);
    }
}
