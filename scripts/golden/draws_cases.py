"""Writes golden/draws: the random numbers of the library, made again from the definitions.

Bits: SplitMix64 (Steele, Lea, Flood 2014). Normal numbers: the ziggurat of Marsaglia and Tsang (2000) with 256 layers,
layer and value from different bits (Doornik 2005), the tail from exponential numbers by von Neumann's comparisons (1951).
A double of Python is one of Java, and nothing but + - * / sqrt and comparisons is used, so all values must be equal.
"""

import hashlib
import math
import struct

import mpmath

from golden_file import Topic

MASK = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15
STREAMS = ["INIT", "DATA_ORDER", "AUGMENT", "POSTERIOR", "TIMESTEP", "NOISE", "LABEL_DROP", "CLASS_NOISE", "SUBSET",
           "SAMPLE_NOISE", "SAMPLE_CLASS_NOISE", "SAMPLE_PATH", "SAMPLE_LABEL"]
LAYERS = 256
TAIL, AREA, DENSITY = 3.654152885361009, 0.004928673233974655, 0.0012602859304985975
SEEDS = [0, 1, 1234, -1, 20260612, -(1 << 63)]
POSITIONS = [0, 1, 255, -1, 1 << 40]
BOUNDS = [1, 2, 3, 10, 1000, 1024, (1 << 30) + 1, (1 << 31) - 1]
LONG = 300_000


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


class SplitMix64:
    """Counts in `wedges` and `tails` how often the slow ways were taken."""

    def __init__(self, seed):
        self.state = seed & MASK
        self.wedges = self.tails = 0

    def next_long(self):
        self.state = (self.state + GAMMA) & MASK
        return mix(self.state)

    def next_int(self):
        """32 bits, signed."""
        self.state = (self.state + GAMMA) & MASK
        z = ((self.state ^ (self.state >> 33)) * 0x62A9D9ED799705F5) & MASK
        z = ((z ^ (z >> 28)) * 0xCB24D0A5C88C35B3) & MASK
        return (z >> 32) - (1 << 32) * (z >> 63)

    def next_bounded(self, bound):
        """A power of two takes the low bits; else 31 bits modulo the bound, the last incomplete multiple drawn again."""
        bits = self.next_int() & 0xFFFFFFFF
        if bound & (bound - 1) == 0:
            return bits & (bound - 1)
        complete = (1 << 31) // bound * bound
        while bits >> 1 >= complete:
            bits = self.next_int() & 0xFFFFFFFF
        return (bits >> 1) % bound

    def next_double(self):
        return (self.next_long() >> 11) * 2.0**-53

    def next_exponential(self):
        whole = 0
        while True:
            values = [self.next_double(), self.next_double()]
            while values[-1] < values[-2]:
                values.append(self.next_double())
            if len(values) % 2 == 0:
                return whole + values[0]
            whole += 1

    def next_gaussian(self):
        while True:
            bits = self.next_long()
            layer = bits & (LAYERS - 1)
            signed = (bits >> 11) - (1 << 53) * (bits >> 63)
            u = (signed + 0.5) * 2.0**-52
            x = u * WIDTH[layer]
            if abs(u) < INNER[layer]:
                return x
            if layer == 0:
                self.tails += 1
                while True:
                    beyond = self.next_exponential() / TAIL
                    y = self.next_exponential()
                    if y + y > beyond * beyond:
                        return math.copysign(TAIL + beyond, u)
            self.wedges += 1
            d = (WIDTH[layer] - x) * (WIDTH[layer] + x) * 0.5
            if 1 + self.next_double() * RISE[layer] < exponential(d):
                return x


def logarithm(r):
    z = r / (2 + r)
    square, total = z * z, 0.0
    for k in range(20, -1, -1):
        total = total * square + 1.0 / (2 * k + 1)
    return 2 * z * total


def exponential(d):
    total = 1.0
    for k in range(17, 0, -1):
        total = 1 + d * total / k
    return total


def layers():
    width, rise, height = [AREA / DENSITY, TAIL], [0.0], DENSITY
    for i in range(1, LAYERS):
        rise.append(AREA / (width[i] * height))
        width.append(0.0 if i + 1 == LAYERS else math.sqrt(width[i] * width[i] - 2 * logarithm(rise[i])))
        height += height * rise[i]
    return width, rise


WIDTH, RISE = layers()
INNER = [TAIL / WIDTH[0]] + [WIDTH[i + 1] / WIDTH[i] for i in range(1, LAYERS)]


def check_layers():
    """The constants and all layers at 50 digits: R is where the layers close at height 1."""
    mpmath.mp.dps = 50

    def precise(r):
        f = mpmath.exp(-r * r / 2)
        v = r * f + mpmath.sqrt(mpmath.pi / 2) * mpmath.erfc(r / mpmath.sqrt(2))
        x, y = [v / f, r], [f]
        for i in range(1, LAYERS):
            y.append(y[-1] + v / x[i])
            x.append(mpmath.sqrt(-2 * mpmath.log(y[-1])) if y[-1] < 1 else mpmath.mpf(0))
        return x, y, v, f

    tail = mpmath.findroot(lambda r: precise(r)[1][-1] - 1, (mpmath.mpf("3.65415"), mpmath.mpf("3.654154")), tol=1e-40)
    x, y, v, f = precise(tail)
    assert (float(tail), float(v), float(f)) == (TAIL, AREA, DENSITY)
    for i in range(LAYERS):
        assert abs(WIDTH[i] / x[i] - 1) < 1e-12, i  # roundings of the recurrence; no sample notices
    for i in range(1, LAYERS):
        assert abs((1 + RISE[i]) / (y[i] / y[i - 1]) - 1) < 1e-13, i
        d = (x[i] ** 2 - x[i + 1] ** 2) / 2
        assert abs(exponential(float(d)) / mpmath.exp(float(d)) - 1) < 1e-15, i
        assert abs(logarithm(RISE[i]) / mpmath.log(1 + mpmath.mpf(RISE[i])) - 1) < 1e-15, i


def at(seed, stream, position):
    h = mix((seed + GAMMA) & MASK)
    h = mix(h ^ ((STREAMS.index(stream) + 1) * GAMMA) & MASK)
    return SplitMix64(mix(h ^ ((position + 1) * GAMMA) & MASK))


def draws(seed, stream, position):
    def first(count, method):
        random = at(seed, stream, position)
        return [getattr(random, method)() for _ in range(count)]

    random = at(seed, stream, position)
    return {
        "seed": str(seed), "stream": stream, "position": str(position),
        "longs": [f"{value:016x}" for value in first(4, "next_long")],
        "ints": first(4, "next_int"),
        "bounded": [random.next_bounded(bound) for bound in BOUNDS for _ in range(3)],
        "doubles": [value.hex() for value in first(4, "next_double")],
        "gaussians": [value.hex() for value in first(12, "next_gaussian")],
    }


def long_run():
    """Enough normal numbers in a row that all layers, wedges and tails occur."""
    random = SplitMix64(20260612)
    digest, tails = hashlib.sha256(), []
    for i in range(LONG):
        before = random.tails
        value = random.next_gaussian()
        digest.update(struct.pack("<d", value))
        if random.tails > before:
            tails.append({"index": i, "value": value.hex()})
    assert len(tails) > 40 and random.wedges > 1000
    return {"seed": "20260612", "count": LONG, "sha256": digest.hexdigest(), "tails": tails, "wedges": random.wedges}


def quantiles(parts):
    """The borders of equal parts of N(0, 1)."""
    mpmath.mp.dps = 30
    return [float(mpmath.sqrt(2) * mpmath.erfinv(mpmath.mpf(2 * k) / parts - 1)).hex() for k in range(1, parts)]


def main():
    check_layers()
    topic = Topic("maskalign-core", "draws", "draws_cases.py", 20260612, {"ulps": 0}, [
        "Made from the definitions in plain Python. Doubles are hexadecimal, longs are decimal texts or 16 hex digits.",
        "cases: a fresh generator at (seed, stream, position) for each kind; bounded: three numbers for each of bounds.",
        "long: SplitMix64(seed).nextGaussian() in a row, SHA-256 of the little-endian doubles, and those of the tail.",
        "layers: widths x_0 to x_256, rises f(x_{i+1})/f(x_i) - 1. quantiles: borders of 1000 equal parts of N(0, 1).",
    ])
    del topic.manifest["torch"]  # it takes no part
    cases = [draws(SEEDS[i % len(SEEDS)], stream, POSITIONS[i % len(POSITIONS)]) for i, stream in enumerate(STREAMS)]
    cases += [draws(seed, "NOISE", position) for seed in SEEDS for position in POSITIONS]
    topic.write_json("draws", {
        "streams": {name: i for i, name in enumerate(STREAMS)},
        "bounds": BOUNDS,
        "cases": cases,
        "long": long_run(),
        "layers": {"widths": [x.hex() for x in WIDTH], "rises": [r.hex() for r in RISE]},
        "quantiles": quantiles(1000),
    })
    topic.close()


if __name__ == "__main__":
    main()
