package io.github.maskalign.core.analysis;

import io.github.maskalign.core.analysis.Measured.Chance;
import io.github.maskalign.core.analysis.Measured.Resampling;
import io.github.maskalign.core.analysis.Resampled.Tail;
import java.util.stream.IntStream;

/** A grid of rows × columns positions, row-major, and what neighbourhood, shifts and mirrors mean on it. */
record Grid(int rows, int columns) {
    Grid {
        if (rows < 2 || columns < 2) {
            throw new IllegalArgumentException(
                    "a grid must have at least 2 rows and 2 columns but has " + rows + " and " + columns);
        }
    }

    int size() {
        return rows * columns;
    }

    void check(String name, int length) {
        if (length != size()) {
            throw new IllegalArgumentException(
                    name + " must have " + rows + " x " + columns + " = " + size() + " positions but has " + length);
        }
    }

    /** Moran's I over rook neighbours, N / W · Σ w_ij d_i d_j / Σ d_i²; NaN for a constant map. */
    double moran(double[] map) {
        double mean = Resampled.mean(map);
        double products = 0;
        double squares = 0;
        for (int i = 0; i < map.length; i++) {
            double d = map[i] - mean;
            squares += d * d;
            if (i % columns + 1 < columns) {
                products += d * (map[i + 1] - mean);
            }
            if (i + columns < map.length) {
                products += d * (map[i + columns] - mean);
            }
        }
        int edges = rows * (columns - 1) + columns * (rows - 1);
        return squares == 0 ? Double.NaN : map.length * products / (edges * squares);
    }

    /** What Moran's I is when the map's values are put to random positions. */
    Chance moranChance(double[] map, double value, Resampling resampling) {
        double[][] draws = Resampled.draw(resampling, "moran", random -> {
            int[] order = Resampled.permutation(random, map.length);
            double[] moved = new double[map.length];
            for (int i = 0; i < moved.length; i++) {
                moved[i] = map[order[i]];
            }
            return new double[] {moran(moved)};
        });
        return Resampled.chance(value, Resampled.column(draws, 0), resampling.level(), Tail.UPPER);
    }

    int rings() {
        return (Math.min(rows, columns) + 1) / 2;
    }

    /** How far a position is from the nearest edge, 0 at the edge. */
    int ring(int position) {
        int row = position / columns;
        int column = position % columns;
        return Math.min(Math.min(row, rows - 1 - row), Math.min(column, columns - 1 - column));
    }

    double[] ringMeans(double[] map) {
        double[] sums = new double[rings()];
        int[] cells = new int[rings()];
        for (int i = 0; i < map.length; i++) {
            sums[ring(i)] += map[i];
            cells[ring(i)]++;
        }
        for (int ring = 0; ring < sums.length; ring++) {
            sums[ring] /= cells[ring];
        }
        return sums;
    }

    /** Columns in reverse order. */
    double[] mirrored(double[] map) {
        return image(map, 1);
    }

    /** How many mirrors and turns map the grid onto itself: 8 if it is square, else 4. */
    int images() {
        return rows == columns ? 8 : 4;
    }

    /** One of these images: bit 0 reverses columns, bit 1 rows, bit 2 swaps the two. */
    double[] image(double[] map, int image) {
        double[] out = new double[map.length];
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                int y = (image & 2) != 0 ? rows - 1 - row : row;
                int x = (image & 1) != 0 ? columns - 1 - column : column;
                out[row * columns + column] = (image & 4) != 0 ? map[x * columns + y] : map[y * columns + x];
            }
        }
        return out;
    }

    /** The map moved down and right; what leaves on one side comes back on the other. */
    double[] shifted(double[] map, int down, int right) {
        double[] out = new double[map.length];
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                out[row * columns + column] =
                        map[Math.floorMod(row - down, rows) * columns + Math.floorMod(column - right, columns)];
            }
        }
        return out;
    }

    /**
     * What Spearman's ρ is when one of the maps is moved: all shifts on the torus but none, of the map or of all its images.
     * Neighbouring positions are alike, so ρ of freely permuted positions would be too narrow.
     */
    Chance shiftChance(double[] a, double[] b, double value, boolean turned, double level) {
        double[] ranksA = Ranks.average(a);
        double[] ranksB = Ranks.average(b);
        int images = turned ? images() : 1;
        double[] draws = IntStream.range(1, images * size())
                .mapToDouble(draw -> {
                    double[] image = image(ranksB, draw / size());
                    int shift = draw % size();
                    return Ranks.correlation(ranksA, shifted(image, shift / columns, shift % columns));
                })
                .toArray();
        return Resampled.chance(value, draws, level, Tail.UPPER);
    }
}
