package io.github.maskalign.core.npy;

/**
 * One entry of a zip file, as its directory and its local header say alike.
 *
 * @param deflated whether its bytes are packed
 * @param start where its local header begins
 * @param dataStart where its bytes begin
 */
record ZipEntryInfo(String name, boolean deflated, long crc, long packedSize, long size, long start, long dataStart) {
    long end() {
        return dataStart + packedSize;
    }

    ZipEntryInfo at(long data) {
        return new ZipEntryInfo(name, deflated, crc, packedSize, size, start, data);
    }
}
