package io.github.maskalign.core.data.internal;

import io.github.maskalign.core.data.internal.LabelFile.ClassFolders;
import io.github.maskalign.core.data.internal.PictureSet.LabelledPicture;
import io.github.maskalign.core.data.internal.PictureSet.PictureFormatNames;
import io.github.maskalign.core.data.internal.PictureSet.PictureSetException;
import io.github.maskalign.core.files.internal.FileBytes;
import io.github.maskalign.core.files.internal.MessageText;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarFile;

/**
 * Pictures in tar archives: ILSVRC2012's tar of tars, an archive of class folders, or WebDataset shards (each picture
 * beside a {@code .cls} with its class). Opening reads the headers; pictures are read where they lie.
 */
public final class TarSet extends PictureSet.Listed {
    private final List<Where> places;
    private final List<FileChannel> files;

    /** Where a file's bytes lie. */
    private record Where(Path path, FileChannel file, long begin, long length) {
        byte[] read() throws IOException {
            return FileSlice.read(path, file, begin, length);
        }
    }

    private TarSet(List<String> classes, List<LabelledPicture> pictures, List<Where> places, List<FileChannel> files) {
        super(classes, pictures);
        this.places = places;
        this.files = files;
    }

    public static TarSet open(Path origin, List<Path> archives) throws IOException {
        List<FileChannel> files = new ArrayList<>();
        try {
            Map<String, Where> pictures = new HashMap<>();
            Map<String, Where> labels = new HashMap<>();
            for (Path archive : archives) {
                FileChannel file = FileChannel.open(archive, StandardOpenOption.READ);
                files.add(file);
                String prefix =
                        archives.size() > 1 ? baseName(archive.getFileName().toString()) + "/" : "";
                collect(new Where(archive, file, 0, file.size()), "", prefix, pictures, labels);
            }
            if (pictures.isEmpty()) {
                throw new PictureSetException(origin, "there is no .jpg, .jpeg or .png in the archive");
            }
            return labels.isEmpty() ? byFolder(origin, pictures, files) : byLabelFile(origin, pictures, labels, files);
        } catch (IOException | RuntimeException e) {
            for (FileChannel file : files) {
                file.close();
            }
            throw e;
        }
    }

    /** Adds the files of one archive; an archive inside it is the folder of its name. */
    private static void collect(
            Where archive, String folder, String shard, Map<String, Where> pictures, Map<String, Where> labels)
            throws IOException {
        try (TarFile tar = new TarFile(new FileSlice(archive.file(), archive.begin(), archive.length()))) {
            for (TarArchiveEntry entry : tar.getEntries()) {
                String name = folder + entry.getName().replaceFirst("^\\./", "");
                if (!entry.isFile() || entry.isSparse() || PictureFormatNames.isHidden(name)) {
                    continue;
                }
                Where place = new Where(
                        archive.path(), archive.file(), archive.begin() + entry.getDataOffset(), entry.getSize());
                String extension = PictureFormatNames.extension(name);
                if (extension.equals("tar") && folder.isEmpty()) {
                    collect(place, baseName(name) + "/", shard, pictures, labels);
                } else if (extension.equals("cls")) {
                    labels.put(shard + baseName(name), place);
                } else if (PictureFormatNames.isPicture(name) && pictures.put(shard + name, place) != null) {
                    throw new PictureSetException(archive.path(), "it has two files " + MessageText.quote(name));
                }
            }
        } catch (IllegalArgumentException | IOException e) {
            if (e instanceof PictureSetException known) {
                throw known;
            }
            throw new PictureSetException(archive.path(), "it is no complete tar archive: " + e.getMessage(), e);
        }
    }

    private static TarSet byFolder(Path origin, Map<String, Where> pictures, List<FileChannel> files)
            throws PictureSetException {
        Map<String, Where> sorted = new TreeMap<>(pictures);
        ClassFolders labels = ClassFolders.of(origin, sorted.keySet());
        return new TarSet(
                labels.classes(),
                sorted.keySet().stream().map(labels::label).toList(),
                List.copyOf(sorted.values()),
                files);
    }

    private static TarSet byLabelFile(
            Path origin, Map<String, Where> pictures, Map<String, Where> labels, List<FileChannel> files)
            throws IOException {
        List<LabelledPicture> found = new ArrayList<>();
        List<Where> places = new ArrayList<>();
        for (Map.Entry<String, Where> picture : new TreeMap<>(pictures).entrySet()) {
            Where label = labels.get(baseName(picture.getKey()));
            if (label == null) {
                throw new PictureSetException(origin, MessageText.quote(picture.getKey()) + " has no .cls beside it");
            }
            found.add(new LabelledPicture(picture.getKey(), number(origin, picture.getKey(), label)));
            places.add(picture.getValue());
        }
        int most = found.stream()
                .map(LabelledPicture::label)
                .max(Comparator.naturalOrder())
                .orElse(0);
        return new TarSet(
                IntStream.rangeClosed(0, most).mapToObj(Integer::toString).toList(), found, places, files);
    }

    private static int number(Path origin, String picture, Where label) throws IOException {
        String text = label.length() > 20 ? "" : new String(label.read(), StandardCharsets.UTF_8).strip();
        if (!text.matches("\\d{1,6}")) {
            throw new PictureSetException(
                    origin,
                    "the .cls of " + MessageText.quote(picture)
                            + " must hold a number of at most six digits but holds "
                            + MessageText.quote(text));
        }
        return Integer.parseInt(text);
    }

    private static String baseName(String name) {
        int point = name.lastIndexOf('.');
        return point > name.lastIndexOf('/') ? name.substring(0, point) : name;
    }

    @Override
    public byte[] read(int index) throws IOException {
        return places.get(index).read();
    }

    @Override
    public void close() throws IOException {
        for (FileChannel file : files) {
            file.close();
        }
    }

    /** A part of a file, read as if it were one: an archive inside an archive. Closing it leaves the file open. */
    static final class FileSlice implements SeekableByteChannel {
        private static final long MOST_BYTES = 256L << 20;

        private final FileChannel file;
        private final long begin;
        private final long length;
        private long position;
        private boolean open = true;

        FileSlice(FileChannel file, long begin, long length) {
            this.file = file;
            this.begin = begin;
            this.length = length;
        }

        /** Returns a part of a file as bytes. */
        static byte[] read(Path path, FileChannel file, long begin, long length) throws IOException {
            requireSmall(path, length);
            ByteBuffer bytes = ByteBuffer.allocate((int) length);
            try {
                FileBytes.fill(file, begin, bytes);
            } catch (EOFException e) {
                throw new PictureSetException(path, "the archive ends inside a picture: it was cut off");
            }
            return bytes.array();
        }

        static byte[] readWhole(Path path) throws IOException {
            requireSmall(path, Files.size(path));
            return Files.readAllBytes(path);
        }

        static void requireSmall(Path path, long length) throws PictureSetException {
            if (length < 0 || length > MOST_BYTES) {
                throw new PictureSetException(
                        path, "a picture must have at most " + MOST_BYTES + " bytes but one has " + length);
            }
        }

        @Override
        public int read(ByteBuffer target) throws IOException {
            if (position >= length) {
                return -1;
            }
            int limit = target.limit();
            target.limit((int) Math.min(limit, target.position() + (length - position)));
            try {
                int count = file.read(target, begin + position);
                position += Math.max(0, count);
                return count;
            } finally {
                target.limit(limit);
            }
        }

        @Override
        public long position() {
            return position;
        }

        @Override
        public SeekableByteChannel position(long to) {
            position = to;
            return this;
        }

        @Override
        public long size() {
            return length;
        }

        @Override
        public boolean isOpen() {
            return open;
        }

        @Override
        public void close() {
            open = false;
        }

        @Override
        public int write(ByteBuffer source) {
            throw new NonWritableChannelException();
        }

        @Override
        public SeekableByteChannel truncate(long size) {
            throw new NonWritableChannelException();
        }
    }
}
